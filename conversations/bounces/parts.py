"""The parts and fields of a mail that somebody else's server made. Pure.

The parser is the standard library's with compat32: the modern policy is four times
slower. It gets each octet as one character (Latin-1), because from octets it makes
surrogates and `Header` objects, and raises on some when they are looked at.
"""

from __future__ import annotations

import binascii
import quopri
import re
import sys
from collections.abc import Callable, Iterator
from email import message_from_string
from email.message import Message
from email.policy import compat32

READ_AT_MOST = 1024 * 1024  # octets; the report stands before the returned mail
MAX_BOUNDARIES = 40  # each makes every further line slower to parse
MAX_DEPTH = 8
MAX_PARTS = 50
MAX_GROUPS = 100
MAX_FIELDS = 100  # in one group

# What a report returns to us. A report in there speaks of somebody else's mail.
RETURNED = frozenset(
    {
        "message/rfc822",
        "message/global",
        "message/partial",
        "message/external-body",
        "text/rfc822-headers",
        "message/global-headers",
    }
)

Fields = dict[str, str]

_BOUNDARY = re.compile(rb"boundary", re.IGNORECASE)
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_FOLD = re.compile(r"\n[ \t]+")
_FIELD = re.compile(r"([!-9;-~]{1,60})[ \t]{0,8}:(.*)")
_ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "base64": binascii.a2b_base64,
    "quoted-printable": quopri.decodestring,
}
_TYPE = re.compile(r"[\w/-]{1,30}", re.ASCII)
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), " ")


def parse(raw: bytes) -> Message | None:
    """Return the mail, as far as it is worth reading; None if nobody can parse it."""
    raw = raw[:READ_AT_MOST].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for count, boundary in enumerate(_BOUNDARY.finditer(raw), 1):
        if count > MAX_BOUNDARIES:
            raw = raw[: boundary.start()]
            break
    try:
        return message_from_string(raw.decode("latin-1"), policy=compat32)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # what the parser was seen to raise, or might, on garbage


def own_parts(mail: Message) -> list[Message]:
    """Return the leaves of `mail` in their order, without looking into returned mail."""
    return list(_leaves(mail, MAX_DEPTH))[:MAX_PARTS]


def _leaves(part: Message, depth: int) -> Iterator[Message]:
    if not media_type(part).startswith("multipart/"):
        yield part
    elif depth:
        for inner in _inside(part)[:MAX_PARTS]:
            yield from _leaves(inner, depth - 1)


def _inside(part: Message) -> list[Message]:
    payload = part.get_payload()
    if isinstance(payload, list):
        return [inner for inner in payload if isinstance(inner, Message)]
    return []


def media_type(part: Message) -> str:
    """As the part calls itself, in lower case; nothing if it does not."""
    return header(part, "content-type").partition(";")[0].strip().lower()


def header(part: Message, name: str) -> str:
    """The first header of this name (in lower case), unfolded."""
    for key, value in part.raw_items():
        if key.lower() == name:
            return one_line(_text(value))
    return ""


def text_of(part: Message) -> str:
    """The text of a leaf; put together again where the parser took it for a mail."""
    text = "\n\n".join(_as_written(inner) for inner in _inside(part)[:MAX_GROUPS])
    text = text or _body(part)
    decode = _ENCODINGS.get(header(part, "content-transfer-encoding").lower())
    if decode is None:
        return _text(text)
    try:
        octets = decode(text.encode("latin-1"))
    except ValueError:
        return _text(text)
    return octets.decode("utf-8", "replace").replace("\r\n", "\n")


def _as_written(part: Message) -> str:
    head = "\n".join(f"{name}: {value}" for name, value in part.raw_items())
    body = _body(part)
    return f"{head}\n\n{body}" if body else head


def _body(part: Message) -> str:
    payload = part.get_payload()
    return payload if isinstance(payload, str) else ""


def field_groups(text: str) -> list[Fields]:
    """Read `Name: value` lines in groups separated by blank lines (RFC 3464, 2.1).

    Names in lower case; of two fields with one name the first counts; lines that
    are no field are passed over.
    """
    groups = [_fields(group) for group in _BLANK_LINE.split(text, maxsplit=MAX_GROUPS)]
    return [group for group in groups if group]


def _fields(group: str) -> Fields:
    fields: Fields = {}
    for line in _FOLD.sub(" ", group).split("\n", MAX_FIELDS):
        if found := _FIELD.match(line):
            fields.setdefault(found[1].lower(), one_line(found[2]))
    return fields


def typed_value(value: str) -> str:
    """Return `y` of `x; y`, as in `dns; mx.example`, `smtp; 550 No` (RFC 3464, 2.1.2)."""
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and _TYPE.fullmatch(kind.strip()) else value


def typed_address(value: str) -> str:
    """Return the address of `rfc822; a@b` or `utf-8; a@b`, at most 320 characters."""
    address = typed_value(value).strip(" <>")
    if value.casefold().startswith("utf-8"):
        address = _ESCAPED.sub(_unescaped, address)  # RFC 6533, section 3
    return address[:320]


def _unescaped(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    printable = number <= sys.maxunicode and chr(number).isprintable()
    return chr(number) if printable else found[0]


def one_line(text: str) -> str:
    """Without control characters, line ends or runs of blanks."""
    return " ".join(text.translate(_CONTROLS).split())


def _text(value: str) -> str:
    """The characters that the parser's octets stand for: UTF-8, if anything."""
    return value.encode("latin-1").decode("utf-8", "replace")
