from __future__ import annotations

from typing import Self

from tests.channels.transports.far_ends._smtp import PASSWORD, USER, SmtpFarEnd


class OwnServer(SmtpFarEnd):
    """A person's own mail server, inside a network that the operator allows."""

    settings = {"SMTP_ALLOWED_NETWORKS": ["127.0.0.0/8"]}
    credentials = {"password": PASSWORD}

    def __enter__(self) -> Self:
        super().__enter__()
        self.config = {
            "host": "127.0.0.1",
            "port": str(self.port),
            "security": "none",  # CRAM-MD5 shows the password to nobody
            "user": USER,
            "ca_text": "",
        }
        return self


FAR_END = OwnServer
