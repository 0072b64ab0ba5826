"""The parts and fields of a mail that another server wrote. Pure, never raises.

Written for damaged mail and for speed: it cuts the text at lines, keeps octets as one
character each (Latin-1) until `Part.text` decodes them, and has a limit for everything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from conversations.bounces.texts import (
    decoded,
    header_text,
    one_line,
    without_octal,
    without_tags,
)

READ_AT_MOST = 1024 * 1024  # octets; the report stands before the returned mail
MAX_HEAD = 100_000  # characters of one header
MAX_FIELDS = 300  # in one header or group
MAX_DEPTH = 8
MAX_PARTS = 50
MAX_GROUPS = 200
MAX_TEXT = 60_000  # characters of one part that are read

# The types of a returned mail. A report inside it is about somebody else's mail.
RETURNED = frozenset(
    {
        "message/rfc822",
        "message/global",
        "message/partial",
        "message/external-body",
        "message/rfc822-headers",
        "text/rfc822-headers",
        "text/rfc822",
        "message/global-headers",
    }
)

Fields = dict[str, str]

_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_FIELD = re.compile(r"^([!-9;-~]{1,60})[ \t]{0,8}:(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_PARAMETER = (
    r"""\b{}\*?(?:0\*?)?\s{{0,9}}=\s{{0,9}}(?:"([^"\n]{{1,200}})"|([^\s;"]{{1,200}}))"""
)
_BOUNDARY = re.compile(_PARAMETER.format("boundary"), re.IGNORECASE)
_CHARSET = re.compile(_PARAMETER.format("charset"), re.IGNORECASE)
# A boundary that the header does not name: a line of dashes before a part's header.
_SOME_BOUNDARY = re.compile(
    r"^--([^\s].{0,199})\n(?=content-)", re.MULTILINE | re.IGNORECASE
)
_TYPE = re.compile(r"[\w/-]{1,30}", re.ASCII)
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")


@dataclass(frozen=True, slots=True)
class Part:
    """A mail or a part of one."""

    fields: Fields  # by lower-case name; of several with one name, the first
    body: str

    @property
    def type(self) -> str:
        """Its content type in lower case; empty without one."""
        return self.fields.get("content-type", "").partition(";")[0].strip().lower()

    def header(self, name: str) -> str:
        """The first header field of this lower-case name, decoded, in one line."""
        return header_text(self.fields.get(name, ""))

    @property
    def text(self) -> str:
        """The body decoded to text, up to MAX_TEXT characters."""
        head = self.fields
        encoding = head.get("content-transfer-encoding", "").strip().lower()
        charset = _CHARSET.search(head.get("content-type", ""))
        body = self.body[: 2 * MAX_TEXT]
        text = decoded(body, encoding, (charset[1] or charset[2]) if charset else "")
        text = without_tags(text) if self.type == "text/html" else without_octal(text)
        return text[:MAX_TEXT]


def parse(raw: bytes) -> Part:
    """Parse the first READ_AT_MOST octets of a mail."""
    raw = raw[:READ_AT_MOST].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    text = raw.decode("latin-1").lstrip("\n \t")
    if text.startswith(("From ", ">From ")):
        text = text.partition("\n")[2]
    return _part(text)


def _part(text: str) -> Part:
    """Split header and body. A text that does not begin with a field is all body."""
    if not _FIELD.match(text):
        return Part({}, text.removeprefix("\n"))
    head, *body = _BLANK_LINE.split(text, maxsplit=1)
    fields: Fields = {}
    for found in islice(_FIELD.finditer(head[:MAX_HEAD]), MAX_FIELDS):
        fields.setdefault(found[1].lower(), found[2].strip())
    return Part(fields, body[0] if body else "")


def own_parts(mail: Part) -> list[Part]:
    """Return the leaves of `mail` in order, without looking into returned mail."""
    return list(islice(_leaves(mail, MAX_DEPTH), MAX_PARTS))


def _leaves(part: Part, depth: int) -> Iterator[Part]:
    if not part.type.startswith("multipart/"):
        yield part
    elif depth:
        for inner in _inside(part):
            yield from _leaves(inner, depth - 1)


def _inside(part: Part) -> list[Part]:
    """The parts between the boundaries; the body as one text where there are none."""
    pieces: list[str] = []
    if named := _BOUNDARY.search(part.fields.get("content-type", "")):
        pieces = _cut(part.body, named[1] or named[2])
    if len(pieces) < 2 and (some := _SOME_BOUNDARY.search(part.body)):
        pieces = _cut(part.body, some[1].rstrip())
    if len(pieces) < 2:
        return [Part({}, part.body)]
    # The text before the first boundary is for readers without MIME; some servers put
    # the whole report there.
    before = [Part({}, pieces[0])] if len(pieces[0]) > 200 else []
    return before + [_part(piece) for piece in pieces[1:]]


def _cut(body: str, boundary: str) -> list[str]:
    """Cut at lines that are this boundary, not at longer ones that begin like it."""
    mark = "\n--" + boundary.strip()
    body = "\n" + body
    pieces: list[str] = []
    start = 0
    at = body.find(mark)
    while at >= 0 and len(pieces) < MAX_PARTS:
        end = body.find("\n", at + len(mark))
        end = end if end >= 0 else len(body)
        rest = body[at + len(mark) : end].strip()
        if rest in {"", "--"}:
            pieces.append(body[start:at])
            start = end + 1
            if rest:
                return pieces
        at = body.find(mark, end)
    return [*pieces, body[start:]]


def field_groups(text: str) -> list[Fields]:
    """Read `Name: value` lines in groups separated by blank lines (RFC 3464, 2.1).

    Names in lower case; of two fields with one name the first counts; lines that
    are no field are passed over.
    """
    groups = [_fields(group) for group in _BLANK_LINE.split(text, maxsplit=MAX_GROUPS)]
    return [group for group in groups if group]


def _fields(group: str) -> Fields:
    fields: Fields = {}
    for found in islice(_FIELD.finditer(group), MAX_FIELDS):
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
