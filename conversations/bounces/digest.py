"""What makes two mails the same: all but what the servers on the way put on top. Pure.

One report may come by SMTP and through a pipe, or by two relays: it counts once.
"""

from __future__ import annotations

import re
from hashlib import sha256

LOOKED_AT = 64 * 1024
# Lines of the kind that each server adds at the top, with their folded rest; and the
# line that a mailbox file begins a mail with.
_TRACE = re.compile(
    rb"(?:From [^\n]*\n"
    rb"|(?:received|return-path|delivered-to|x-original-to|envelope-to|delivery-date"
    rb"|x-envelope-(?:from|to)|authentication-results|received-spf):[^\n]*\n"
    rb"(?:[ \t][^\n]*\n)*)*",
    re.IGNORECASE,
)


def digest_of(raw: bytes) -> str:
    """Return a SHA-256, in hex, of the mail without its trace and kind of line ends."""
    top = _TRACE.match(raw, 0, LOOKED_AT)
    assert top  # it matches nothing, too
    return sha256(raw[top.end() :].replace(b"\r\n", b"\n")).hexdigest()
