"""Signing in (RFC 4954), in UTF-8, which smtplib's own ways cannot."""

from __future__ import annotations

import base64
import hmac
import smtplib
from collections.abc import Callable

Reply = tuple[int, bytes]
CHALLENGE = 334


def _plain(smtp: smtplib.SMTP, user: str, password: str) -> Reply:
    return smtp.docmd("AUTH", "PLAIN " + _base64(f"\0{user}\0{password}"))


def _login(smtp: smtplib.SMTP, user: str, password: str) -> Reply:
    reply = smtp.docmd("AUTH", "LOGIN")
    for secret in (user, password):
        if reply[0] != CHALLENGE:
            break
        reply = smtp.docmd(_base64(secret))
    return reply


def _cram_md5(smtp: smtplib.SMTP, user: str, password: str) -> Reply:
    code, challenge = smtp.docmd("AUTH", "CRAM-MD5")
    if code != CHALLENGE:
        return code, challenge
    digest = hmac.new(password.encode(), base64.b64decode(challenge), "md5")
    return smtp.docmd(_base64(f"{user} {digest.hexdigest()}"))


# In order of preference: name, the conversation, whether it shows the password.
MECHANISMS: list[tuple[str, Callable[[smtplib.SMTP, str, str], Reply], bool]] = [
    ("PLAIN", _plain, True),
    ("LOGIN", _login, True),
    ("CRAM-MD5", _cram_md5, False),
]


def sign_in(smtp: smtplib.SMTP, user: str, password: str, *, encrypted: bool) -> str:
    """Sign in once, with the best mechanism offered; return its name.

    A password is never shown in clear. Raises SMTPResponseException.
    """
    offered = set(smtp.esmtp_features.get("auth", "").upper().split())
    for name, converse, shows_password in MECHANISMS:
        if name in offered and (encrypted or not shows_password):
            code, words = converse(smtp, user, password)
            if code != 235:
                raise smtplib.SMTPAuthenticationError(code, words)
            return name
    raise smtplib.SMTPResponseException(
        504, "The server offers no way to sign in that is safe here."
    )


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
