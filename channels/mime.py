"""Letter → RFC 5322 bytes, put together by hand.

Python's EmailMessage takes twenty times as long as handing the message over, and
breaks some of what it folds. `tests/channels/test_mime.py` holds this module to
what EmailMessage makes of the same letter.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import b2a_qp
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter. Its name and type come from people: hostile."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a recipient is to read. Addresses in wire form (domain in A-labels)."""

    from_name: str
    from_address: str
    to_name: str
    to_address: str
    cc: tuple[tuple[str, str], ...] = ()  # (name, address) of those who read along
    subject: str
    text: str
    html: str = ""  # the same as `text`, for programs that show HTML
    attachments: tuple[Attachment, ...] = ()
    message_id: str
    date: datetime
    references: str = ""  # Message-IDs of the thread before it, oldest first


# No "_" is in base64 and no "=_" in quoted-printable: no part can hold a boundary.
MIXED = "=_mixed"
ALTERNATIVE = "=_alternative"

FOLD = "\r\n "  # the line goes on (RFC 5322, 2.2.3)
MAX_LINE = 900  # characters of a header that stays whole; RFC 5322 allows 998
WORD = 39  # bytes in an encoded word: with the header's name ≤ 76 (RFC 2047, 2)
SHORT = 32_768  # characters of a text that is kept encoded for the next letter
PIECE = 60  # characters of a long file name in one parameter (RFC 2231, 3)

_ATOMS = re.compile(r"[\w!#$%&'*+/=?^`{|}~ -]*", re.ASCII)
_LINE_END = re.compile(r"[\r\n\0]")
_ADDRESS = re.compile(
    r"""
    (?: [^\x00-\x20\x7f-\xa0()<>\[\]:;@\\,"\u2028\u2029]+
      | "(?: [^\x00-\x1f\x7f-\xa0"\\\u2028\u2029] | \\[\x20-\x7e] )*" )
    @ [A-Za-z0-9._-]+
    """,
    re.VERBOSE,
)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")  # printable, and no angle in it
_PLAIN_FILE_NAME = re.compile(r"[\w.()+,-]([\w .()+,-]{0,70}[\w.()+,-])?", re.ASCII)
# A message or multipart must not be in base64 (RFC 2046, 5.2.1): it is a mere file.
_FILE_TYPE = re.compile(r"(?!message/|multipart/)[\w!#$&^.+-]+/[\w!#$&^.+-]+", re.ASCII)


def to_bytes(letter: Letter) -> bytes:
    """Return the message with CRLF line ends; 7-bit unless an address is not ASCII.

    Raises ValueError if a header holds a line end, or an address or Message-ID is
    none: nothing may add headers.
    """
    sender = _mailbox(letter.from_name, letter.from_address)
    head = (
        f"From: {sender}\r\n"
        f"To: {_mailbox(letter.to_name, letter.to_address)}\r\n"
        f"{_cc(letter.cc)}"
        f"Subject: {_unstructured(letter.subject)}\r\n"
        f"Date: {_date(letter.date.replace(microsecond=0))}\r\n"
        f"Message-ID: {_message_ids(letter.message_id)}\r\n"
        f"{_thread(letter.references)}"
        "MIME-Version: 1.0\r\n"
    )
    return head.encode() + _body(letter)


# --- headers ------------------------------------------------------------------


# Of a list hundreds of letters are made in one second, with the same date.
_date = lru_cache(maxsize=32)(format_datetime)


def _mailbox(name: str, address: str) -> str:
    if not _ADDRESS.fullmatch(address):
        raise ValueError("a header would hold an address that is none")
    if not name:
        return address
    phrase = _phrase(name)
    # A line that holds an encoded word must be short.
    return f"{phrase}{FOLD if phrase.startswith('=?') else ' '}<{address}>"


def _phrase(name: str) -> str:
    if _must_be_encoded(name):
        return _encoded_words(name)
    if _ATOMS.fullmatch(name):
        return name
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"' if len(quoted) < MAX_LINE // 2 else _encoded_words(name)


def _cc(readers: tuple[tuple[str, str], ...]) -> str:
    if not readers:
        return ""
    mailboxes = (_mailbox(*reader) for reader in readers)
    return f"Cc: {f',{FOLD}'.join(mailboxes)}\r\n"


def _unstructured(text: str) -> str:
    return _encoded_words(text) if _must_be_encoded(text) else text


def _must_be_encoded(text: str) -> bool:
    """Whether a reader would see anything else if the header held the text itself.

    Text that merely looks like an encoded word would be decoded, line ends in it too.
    """
    if _LINE_END.search(text):
        raise ValueError("a header would hold a line end (CR, LF or NUL)")
    return (
        not (text.isascii() and (text.isprintable() or not text))
        or len(text) > MAX_LINE
        or "=?" in text
        or text != text.strip()
        or "  " in text
    )


def _encoded_words(text: str) -> str:
    """RFC 2047: words of base64, no character divided between two."""
    raw, words = text.encode(), []
    while raw:
        end = WORD
        while end < len(raw) and raw[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{b64encode(raw[:end]).decode()}?=")
        raw = raw[end:]
    return FOLD.join(words)


def _message_ids(ids: str) -> str:
    each = ids.split(" ")
    if not all(map(_MESSAGE_ID.fullmatch, each)):
        raise ValueError("a header would hold a Message-ID that is none")
    return FOLD.join(each)


def _thread(references: str) -> str:
    if not references:
        return ""
    ids = _message_ids(references)
    last = ids.rpartition(FOLD)[2]
    return f"In-Reply-To: {last}\r\nReferences: {ids}\r\n"


# --- body ---------------------------------------------------------------------


def _body(letter: Letter) -> bytes:
    """The content with the headers that describe it."""
    content = _text("plain", letter.text)
    if letter.html:
        html = _text("html", letter.html)
        content = _multipart("alternative", ALTERNATIVE, [content, html])
    if letter.attachments:
        content = _multipart("mixed", MIXED, [content, *map(_file, letter.attachments)])
    return content


def _text(subtype: str, text: str) -> bytes:
    return (_text_of_many if len(text) <= SHORT else _one_text)(subtype, text)


def _one_text(subtype: str, text: str) -> bytes:
    lines = text
    if "\r" in text:  # as a rule there is none, and looking costs nothing
        lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if not lines.endswith("\n"):
        lines += "\n"
    encoded = b2a_qp(lines.encode()).replace(b"\n", b"\r\n")
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode() + encoded


# All who get a copy, and often all of a list, get the same words, and encoding them is
# half of what a letter costs. Some more are kept than a process has lanes in hand.
_text_of_many = lru_cache(maxsize=32)(_one_text)


def _multipart(subtype: str, boundary: str, parts: list[bytes]) -> bytes:
    between = f"\r\n--{boundary}\r\n".encode()
    return b"".join(
        [
            f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n'.encode(),
            between,
            between.join(parts),
            f"\r\n--{boundary}--\r\n".encode(),
        ]
    )


def _file(attachment: Attachment) -> bytes:
    kind = attachment.content_type
    if not _FILE_TYPE.fullmatch(kind) or len(kind) > MAX_LINE:
        kind = "application/octet-stream"
    encoded = b64encode(attachment.content)
    lines = [encoded[at : at + 76] for at in range(0, len(encoded), 76)]
    return (
        f"Content-Type: {kind}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        "Content-Disposition: attachment"
        f"{''.join(_file_name(attachment.name.strip() or 'attachment'))}\r\n\r\n"
    ).encode() + b"\r\n".join(lines)


def _file_name(name: str) -> Iterator[str]:
    """The parameters that name the file (RFC 2231 unless it is a very plain name)."""
    if _PLAIN_FILE_NAME.fullmatch(name):
        yield f';{FOLD}filename="{name}"'
        return
    encoded = quote(name, safe="")
    if len(encoded) <= PIECE:
        yield f";{FOLD}filename*=utf-8''{encoded}"
        return
    number, charset = 0, "utf-8''"
    while encoded:
        end = PIECE
        while "%" in encoded[end - 2 : end] and len(encoded) > end:
            end -= 1
        yield f";{FOLD}filename*{number}*={charset}{encoded[:end]}"
        number, charset, encoded = number + 1, "", encoded[end:]
