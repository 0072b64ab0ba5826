from __future__ import annotations

from channels.transports._base import (
    OutgoingEmail,
    Receipt,
    Scope,
    Traits,
    Transport,
    VisibleSender,
)


class PortalTransport(Transport):
    """Portal servers: the installation's own relay, for whoever picked nothing."""

    installation_settings = ("PORTAL_RELAY_URL", "PORTAL_DOMAIN")
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
        limits="None unless your managers set one.",
    )

    def send(self, email: OutgoingEmail) -> Receipt:
        raise NotImplementedError


TRANSPORT = PortalTransport
