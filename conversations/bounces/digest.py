"""A digest that is equal for the same mail, whatever servers put on top of it. Pure.

One report may come by SMTP and through a pipe, or by two relays: it counts once.
"""

from __future__ import annotations

import re
from hashlib import sha256

LOOKED_AT = 64 * 1024
# Header fields that each server adds at the top, with their folded lines, and the
# "From " line that begins a mail in a mailbox file.
_TRACE = re.compile(
    rb"(?:From [^\n]*\n"
    rb"|(?:received|return-path|delivered-to|x-original-to|envelope-to|delivery-date"
    rb"|x-envelope-(?:from|to)|authentication-results|received-spf):[^\n]*\n"
    rb"(?:[ \t][^\n]*\n)*)*",
    re.IGNORECASE,
)


def digest_of(raw: bytes) -> str:
    """Return a SHA-256, in hex, of the mail without trace fields, with LF line ends."""
    top = _TRACE.match(raw, 0, LOOKED_AT)
    assert top  # the pattern matches an empty text, too
    return sha256(raw[top.end() :].replace(b"\r\n", b"\n")).hexdigest()
