"""Which channel a message takes, and what its recipient will see. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from channels.addresses import mailbox
from channels.transports import Traits, VisibleSender

C = TypeVar("C")


def choose(*, identity: C | None, user: C | None, team: C | None, default: C) -> C:
    """The identity's own choice, else the user's, else the team's, else Portal servers.

    `team` is the team's server where it applies: to a member's default identity.
    """
    return identity or user or team or default


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


def what_the_recipient_sees(
    *,
    display_name: str,
    address: str,
    traits: Traits,
    portal_domain: str,
    account: str = "",
) -> RecipientView:
    """Predict the recipient's view of mail from an identity on a kind of channel.

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
