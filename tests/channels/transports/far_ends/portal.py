from __future__ import annotations

from typing import Self
from urllib.parse import quote

from tests.channels.transports.far_ends._smtp import PASSWORD, USER, SmtpFarEnd


class Relay(SmtpFarEnd):
    """The installation's own relay."""

    def __enter__(self) -> Self:
        super().__enter__()
        url = f"smtp://{USER}:{quote(PASSWORD)}@127.0.0.1:{self.port}"
        self.settings = {"PORTAL_RELAY_URL": url}
        return self


FAR_END = Relay
