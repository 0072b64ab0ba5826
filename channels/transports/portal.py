from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from itertools import islice
from typing import Any

from channels.smtp.relays import connect, let_go, servers_from
from channels.smtp.session import PATIENCE, SmtpSession
from channels.transports._base import (
    OutgoingEmail,
    Receipt,
    Scope,
    Traits,
    Transport,
    TransportError,
    VisibleSender,
)


class PortalTransport(Transport):
    """Portal servers: the installation's own relay, for whoever picked nothing."""

    installation_settings = ("PORTAL_RELAY_URL", "PORTAL_DOMAIN")
    patience = PATIENCE
    traits = Traits(
        label="Portal servers",
        icon="server-stack",
        scope=Scope.INSTALLATION,
        visible_sender=VisibleSender.IDENTITY,
        adds_via=True,
        records_bounces=True,
        accepted_label="Delivered",
        when_to_pick=(
            "The default. Pick it if your company uses neither Gmail nor Outlook, or "
            "if you want to see here what did not arrive."
        ),
        set_up="None: it works at once.",
        address_seen="The address of your email identity.",
        via=(
            "Yes: the recipient’s mail program may add “via {portal_domain}”, because "
            "your domain has not authorised these servers."
        ),
        dmarc=(
            "Not offered: there is no DMARC record for your domain, and these servers "
            "cannot be put on its allow-list."
        ),
        sent_copy="None: nothing is filed in your mailbox’s Sent folder.",
        bounces=(
            "Yes: bounces and failures appear here under Failed deliveries, with the "
            "other server’s own words."
        ),
        remedy="To lose the “via”, connect Gmail or your own SMTP server.",
    )

    def __init__(
        self, settings: Mapping[str, Any], credentials: Mapping[str, str]
    ) -> None:
        super().__init__(settings, credentials)
        self._relays = servers_from(settings["PORTAL_RELAY_URL"])
        self._session: SmtpSession | None = None

    def send(self, email: OutgoingEmail) -> Receipt:
        return self._connected().send(email)

    def send_all(
        self, emails: Iterable[OutgoingEmail]
    ) -> Generator[Receipt | TransportError]:
        try:
            session = self._connected()
        except TransportError as error:
            yield from (error for _ in islice(emails, 1))
        else:
            yield from session.send_all(emails)

    def _connected(self) -> SmtpSession:
        if self._session is None or not self._session.is_open:
            self.close()
            self._session = connect(self._relays, self.settings["PORTAL_DOMAIN"])
        return self._session

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            let_go(session)


TRANSPORT = PortalTransport
