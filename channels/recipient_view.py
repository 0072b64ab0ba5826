"""What arrives: the sender as a mail program shows it, and where copy and bounces go."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from channels.addresses import mailbox
from channels.models import Channel, EmailIdentity
from channels.transports import Traits, VisibleSender


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientView:
    """What arrives, as far as it is known before sending."""

    sender: str  # the From a person reads
    via: str  # the domain a mail program is likely to add; empty if none
    sent_copy: str
    bounces: str

    @property
    def headline(self) -> str:
        return f"{self.sender} via {self.via}" if self.via else self.sender


def view_of(identity: EmailIdentity, channel: Channel) -> RecipientView:
    """What the recipient of mail from `identity` by `channel` sees."""
    return view_from(identity.display_name, identity.address, channel)


def view_from(
    name: str, address: str, channel: Channel, *, account: str | None = None
) -> RecipientView:
    """What the recipient of mail from this name and address by `channel` sees.

    `account` is the address of the connected account at that time, if not today's.
    """
    return what_the_recipient_sees(
        display_name=name,
        address=address,
        traits=channel.traits,
        portal_domain=settings.PORTAL_DOMAIN,
        account=channel.address if account is None else account,
    )


def what_the_recipient_sees(
    *,
    display_name: str,
    address: str,
    traits: Traits,
    portal_domain: str,
    account: str = "",
) -> RecipientView:
    """Predict what the recipient sees of mail by a kind of channel. Pure.

    `account` is the address of the connected account, where the channel has one.
    A mail program is likely to add "via" when neither the envelope sender nor a
    signature belongs to the domain in From.
    """
    if traits.visible_sender is VisibleSender.CONNECTED_ACCOUNT and account:
        address = account
    domain = address.rpartition("@")[2].casefold()
    via = portal_domain if traits.adds_via and domain != portal_domain else ""
    return RecipientView(
        sender=mailbox(display_name, address),
        via=via,
        sent_copy=traits.sent_copy,
        bounces=traits.bounces,
    )
