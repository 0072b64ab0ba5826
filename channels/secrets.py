"""Encryption of credentials at rest: Fernet (AES-128-CBC with HMAC-SHA256)."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SecretUnreadableError(Exception):
    """Stored under a key that is no longer among CREDENTIAL_KEYS."""


_UNREADABLE = "A stored credential cannot be read with the present CREDENTIAL_KEYS."


def _cipher() -> MultiFernet:
    """Return the cipher of CREDENTIAL_KEYS: the first encrypts, all decrypt.

    Last comes the key made of SECRET_KEY, the only one before any was named.
    """
    derived = base64.urlsafe_b64encode(
        hashlib.sha256(b"credentials:" + settings.SECRET_KEY.encode()).digest()
    ).decode()
    return MultiFernet([Fernet(key) for key in (*settings.CREDENTIAL_KEYS, derived)])


def encrypt(text: str) -> str:
    return _cipher().encrypt(text.encode()).decode()


def decrypt(token: str) -> str:
    try:
        return _cipher().decrypt(token).decode()
    except InvalidToken:
        raise SecretUnreadableError(_UNREADABLE) from None


def rotate(token: str) -> str:
    """Return `token` encrypted with the first key; raises SecretUnreadableError."""
    try:
        return _cipher().rotate(token).decode()
    except InvalidToken:
        raise SecretUnreadableError(_UNREADABLE) from None
