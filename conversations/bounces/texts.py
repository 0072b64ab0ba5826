"""From untrusted octets to text that is safe to store. Pure.

The octets come as one character each (Latin-1), as `parts` cuts them.
"""

from __future__ import annotations

import binascii
import html
import quopri
import re
from collections.abc import Callable

# Codecs whose time is linear in the length of the text; punycode and idna are not.
_CHARSET = re.compile(
    r"utf-?[78]|iso-?8859-\d{1,2}|(windows-|cp)\d{3,4}|iso-2022-(jp|kr)|koi8-[ru]"
    r"|(shift_?jis|euc-(jp|kr)|gb(2312|k|18030)|big5)"
)
_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": binascii.a2b_base64,
    "quoted-printable": quopri.decodestring,
}
# Charsets to try if a text is not in the one that it claims.
_FALLBACKS = ("utf-8", "iso-2022-jp")
_WORD = re.compile(
    r"=\?([\w-]{1,40})(?:\*[\w-]{0,20})?\?([bBqQ])\?([^?\s]{0,2000})\?=", re.ASCII
)
_BETWEEN_WORDS = re.compile(r"\?=\s{1,20}=\?")
_OCTAL = re.compile(r"(?:\\[23][0-7]{2}){1,2000}")
_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), " ")
_TAG = re.compile(r"</?[A-Za-z][\w:-]{0,20}(?:\s[^<>]*)?/?>|<![^<>]*>")
_STYLE = re.compile(
    r"<(style|script|title)\b[^<]*(?:<!--[^<]*)?</\1\s*>", re.IGNORECASE
)
_BREAK = re.compile(
    r"<(?:br|/?p|/?div|/?tr|/?td|/?h[1-6]|/?li)\b[^<>]*>", re.IGNORECASE
)


def decoded(text: str, encoding: str = "", charset: str = "") -> str:
    """Undo the transfer encoding and decode from `charset`, or else from UTF-8."""
    decode = _DECODERS.get(encoding)
    if decode is None and text.isascii() and "\x1b" not in text:
        return text
    octets = text.encode("latin-1", "replace")
    if decode is not None:
        try:
            octets = decode(octets)
        except ValueError:
            octets = _whole_quads(octets)
    return _as_text(octets, charset.lower()).replace("\r\n", "\n").replace("\r", "\n")


def _whole_quads(octets: bytes) -> bytes:
    """Decode base64 that was cut off, as far as it goes."""
    clean = re.sub(rb"[^A-Za-z0-9+/]", b"", octets)
    return binascii.a2b_base64(clean[: len(clean) // 4 * 4])


def _as_text(octets: bytes, charset: str) -> str:
    if octets.isascii() and b"\x1b" not in octets and charset != "utf-7":
        return octets.decode("ascii")
    claimed = (charset,) if _CHARSET.fullmatch(charset) else ()
    if b"\x1b$" in octets:
        claimed = ("iso-2022-jp", *claimed)
    for name in (*claimed, *_FALLBACKS):
        try:
            return octets.decode(name)
        except (ValueError, LookupError):
            continue
    return octets.decode("utf-8", "replace")


def without_octal(text: str) -> str:
    """Decode octets that Exim writes as `\\303\\274` in another server's words."""
    return _OCTAL.sub(_octets, text) if "\\" in text else text


def _octets(found: re.Match[str]) -> str:
    octets = bytes(int(number, 8) for number in found[0].split("\\")[1:])
    try:
        return octets.decode()
    except ValueError:
        return octets.decode("windows-1252", "replace")


def header_text(value: str) -> str:
    """Return a header field's value in one line, with its encoded words read (RFC 2047)."""
    value = decoded(value)
    if "=?" in value:
        value = _WORD.sub(_word, _BETWEEN_WORDS.sub("?==?", value))
    return one_line(value)


def _word(found: re.Match[str]) -> str:
    charset, way, text = found.groups()
    if way in "qQ":
        return decoded(text.replace("_", " "), "quoted-printable", charset)
    return decoded(text, "base64", charset)


def without_tags(text: str) -> str:
    """Return the words of an HTML text, with a line for each block."""
    text = _BREAK.sub("\n", _STYLE.sub(" ", text))
    return html.unescape(_TAG.sub(" ", text)).replace("\xa0", " ")


def one_line(text: str) -> str:
    """Make it one line, without control characters, surrogates and runs of blanks."""
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.translate(_CONTROLS).split())
