from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter

from channels.secrets import decrypt, encrypt


class MFAAdapter(DefaultMFAAdapter):
    """What apps of codes and recovery codes share with us is encrypted at rest."""

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text)
