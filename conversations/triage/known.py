"""What is known of a delivery before it is sent again."""

from __future__ import annotations

from enum import StrEnum

from channels.transports import all_transports
from conversations.models import Delivery
from conversations.models.state import State


class Known(StrEnum):
    NOT_DELIVERED = "certainly not delivered"
    MAYBE = "may have arrived"
    DELIVERED = "was delivered"
    ON_ITS_WAY = "is on its way"

    @property
    def asks(self) -> bool:
        """Whether a person must consent, because it may be the second time."""
        return self is not Known.NOT_DELIVERED


KNOWN: dict[str, Known] = {
    State.QUEUED: Known.ON_ITS_WAY,
    State.HANDING_OVER: Known.ON_ITS_WAY,
    State.DELAYED: Known.ON_ITS_WAY,
    State.FAILED: Known.NOT_DELIVERED,
    State.BOUNCED: Known.NOT_DELIVERED,
    State.UNCONFIRMED: Known.MAYBE,
    State.COMPLAINED: Known.DELIVERED,
    # By a channel that records no bounces; for others see `known_of`.
    State.ACCEPTED: Known.MAYBE,
}


def what_is_known(delivery: Delivery) -> Known:
    if delivery.state == State.BOUNCED and delivery.was_confirmed:
        return Known.MAYBE  # the one report contradicts the other
    return known_of(delivery.state, delivery.channel.kind)


def known_of(state: str, kind: str) -> Known:
    """What is known without a look at each one's timeline."""
    transport = all_transports().get(kind)
    if state == State.ACCEPTED and transport and transport.traits.records_bounces:
        return Known.DELIVERED
    return KNOWN[state]
