"""Signing in (RFC 4954), in UTF-8, which smtplib's own ways cannot."""

from __future__ import annotations

import base64
import hmac
import re
import smtplib
from collections.abc import Callable, Sequence

Reply = tuple[int, bytes]
Encode = Callable[[str], str]
CHALLENGE = 334
MASK = "***"
# Fewer letters than these may be part of anything.
TELLING, TELLING_PART = 4, 6


def _plain(smtp: smtplib.SMTP, encode: Encode, user: str, password: str) -> Reply:
    return smtp.docmd("AUTH", "PLAIN " + encode(f"\0{user}\0{password}"))


def _login(smtp: smtplib.SMTP, encode: Encode, user: str, password: str) -> Reply:
    reply = smtp.docmd("AUTH", "LOGIN")
    for secret in (user, password):
        if reply[0] != CHALLENGE:
            break
        reply = smtp.docmd(encode(secret))
    return reply


def _cram_md5(smtp: smtplib.SMTP, encode: Encode, user: str, password: str) -> Reply:
    code, challenge = smtp.docmd("AUTH", "CRAM-MD5")
    if code != CHALLENGE:
        return code, challenge
    digest = hmac.new(password.encode(), base64.b64decode(challenge), "md5")
    return smtp.docmd(encode(f"{user} {digest.hexdigest()}"))


# In order of preference: name, the conversation, whether it shows the password.
MECHANISMS: list[
    tuple[str, Callable[[smtplib.SMTP, Encode, str, str], Reply], bool]
] = [
    ("PLAIN", _plain, True),
    ("LOGIN", _login, True),
    ("CRAM-MD5", _cram_md5, False),
]


def sign_in(smtp: smtplib.SMTP, user: str, password: str, *, encrypted: bool) -> str:
    """Sign in once, with the best mechanism offered; return its name.

    A password is never shown in clear. Raises SMTPResponseException, in words that do
    not tell the password either: some servers repeat what they do not understand.
    """
    shown: list[str] = []

    def encode(text: str) -> str:
        shown.append(base64.b64encode(text.encode()).decode())
        return shown[-1]

    offered = set(smtp.esmtp_features.get("auth", "").upper().split())
    for name, converse, shows_password in MECHANISMS:
        if name in offered and (encrypted or not shows_password):
            code, words = converse(smtp, encode, user, password)
            if code != 235:
                said = _without(password, shown, words.decode("utf-8", "replace"))
                raise smtplib.SMTPAuthenticationError(code, said)
            return name
    raise smtplib.SMTPResponseException(
        504, "The server offers no way to sign in that is safe here."
    )


def _without(password: str, shown: Sequence[str], words: str) -> str:
    """Mask the password in the words, and what was shown of it: all of that or a part."""
    for secret in filter(None, (password, *shown)):
        found = re.escape(secret)
        if len(secret) < TELLING:
            found = rf"(?<!\w){found}(?!\w)"
        words = re.sub(found, MASK, words, flags=re.IGNORECASE)
    sent = " ".join(shown).lower()
    return re.sub(
        rf"[A-Za-z0-9+/]{{{TELLING_PART},}}",
        lambda part: MASK if part[0].lower() in sent else part[0],
        words,
    )
