"""What a mail program would make of a mail as it arrived. Pure; any bytes will do."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parseaddr

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An attachment. The name is its sender's: hostile."""

    name: str
    content_type: str
    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail as a person sees it. All of it is text from outside."""

    from_name: str
    from_address: str
    to: str
    subject: str
    date: str
    text: str  # the plain text; empty if there is only HTML
    html: str  # what programs that show HTML show instead
    files: list[File]
    headers: list[tuple[str, str]]


def read_letter(raw: bytes) -> Letter:
    try:
        return _letter(message_from_bytes(raw))
    except RecursionError:  # parts within parts, a thousand deep: its headers must do
        return _letter(BytesHeaderParser().parsebytes(raw))


def _letter(message: Message) -> Letter:
    name, address = _author(message)
    return Letter(
        from_name=name,
        from_address=address,
        to=_header(message, "To"),
        subject=_header(message, "Subject"),
        date=_header(message, "Date"),
        text=_body(message, "text/plain"),
        html=_body(message, "text/html"),
        files=_files(message),
        headers=[(key, _decoded(value)) for key, value in _as_written(message)],
    )


def from_and_subject(raw: bytes) -> tuple[str, str]:
    """Return both as a list of mail shows them."""
    message = BytesHeaderParser().parsebytes(raw)
    return _header(message, "From"), _header(message, "Subject")


def source(raw: bytes) -> str:
    """Return the source as text; what is no UTF-8 and no text is replaced."""
    return _printable(raw.decode(errors="replace").replace("\r\n", "\n"))


def _author(message: Message) -> tuple[str, str]:
    """Return name and address, split before decoding: a name may look like both."""
    name, address = parseaddr(_written(message, "From"))
    return _decoded(name), _decoded(address)


def _header(message: Message, name: str) -> str:
    return _decoded(_written(message, name))


def _written(message: Message, name: str) -> str:
    """Return the first header of this name, undecoded."""
    return next(
        (value for key, value in _as_written(message) if key.lower() == name.lower()),
        "",
    )


def _as_written(message: Message) -> list[tuple[str, str]]:
    """Return the headers, unfolded and undecoded; 8-bit ones are read as UTF-8."""
    return [
        (_utf8(name), " ".join(_utf8(value).split()))
        for name, value in message.raw_items()
    ]


def _utf8(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _decoded(value: str) -> str:
    """Read the encoded words (RFC 2047) of a header, or leave it as it is."""
    with suppress(HeaderParseError, LookupError, ValueError):
        value = str(make_header(decode_header(value)))
    return _printable(" ".join(value.split()))


def _printable(text: str) -> str:
    """Replace control characters and lone surrogates, which no page can carry."""
    return "".join(
        REPLACEMENT
        if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t"
        else c
        for c in text
    )


def _body(message: Message, content_type: str) -> str:
    """Return the first part of this type that is no attachment."""
    for part in _leaves(message):
        if part.get_content_type() == content_type and not _is_file(part):
            return _text_of(part)
    return ""


def _is_file(part: Message) -> bool:
    return bool(_file_name(part)) or part.get_content_disposition() == "attachment"


def _file_name(part: Message) -> str:
    with suppress(LookupError, ValueError, TypeError):
        return _decoded(part.get_filename() or "")
    return "?"


def _files(message: Message) -> list[File]:
    return [
        File(
            name=_file_name(part) or "(no name)",
            content_type=_printable(part.get_content_type()),
            content=content if isinstance(content, bytes) else b"",
        )
        for part in _leaves(message)
        if _is_file(part)
        for content in [part.get_payload(decode=True)]
    ]


def _leaves(message: Message) -> list[Message]:
    """Return the parts that are no containers; a mail inside a mail is one part."""
    if message.get_content_maintype() != "multipart":
        return [message]
    parts = message.get_payload()
    if not isinstance(parts, list):
        return []
    return [leaf for p in parts if isinstance(p, Message) for leaf in _leaves(p)]


def _text_of(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        text = content.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # a charset nobody knows, or no charset at all
        text = content.decode(errors="replace")
    return _printable(text.replace("\r\n", "\n"))
