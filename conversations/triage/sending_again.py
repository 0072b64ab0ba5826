"""A resend: a new message, linked to the old one, which is then taken care of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from django.db import transaction

from channels.addresses import Address
from channels.announcing import announce
from channels.models import Channel
from conversations.composing import queue
from conversations.models import Delivery, Suppression
from conversations.resending import again, own_address
from conversations.tasks import work_lane
from conversations.triage.deciding import sent_again
from conversations.triage.known import what_is_known
from conversations.triage.order import Order, Skipped

ASKED = "It {known}, and you did not say to send it again."


def send_again(
    deliveries: Iterable[Delivery],
    order: Order,
    channel_of: Callable[[Delivery], Channel | None],
    addresses: Mapping[int, Address] | None = None,
) -> Skipped:
    """Send each once more by `channel_of` it, to its own or another of `addresses`."""
    deliveries = list(deliveries)
    wires = {each.pk: _address(each, addresses).wire for each in deliveries}
    stopped = Suppression.objects.stopping(order.by.team_id, wires.values())
    skipped: Skipped = {}
    resent: list[Delivery] = []
    lanes: set[tuple[int, int]] = set()
    for delivery in deliveries:
        channel = channel_of(delivery)
        skipped[delivery.pk] = obstacle(delivery, channel, order)
        if suppression := stopped.get(wires[delivery.pk]):
            skipped[delivery.pk] = suppression.sentence
        if skipped[delivery.pk] or channel is None:
            continue
        address = _address(delivery, addresses)
        queue(
            again(delivery, (addresses or {}).get(delivery.pk)),
            address,
            channel,
            note=_note(delivery, address, channel, order),
        )
        resent.append(delivery)
        lanes.add((channel.pk, delivery.sender_id))
    sent_again(resent, order)
    transaction.on_commit(lambda: _tell(lanes))
    return {pk: why for pk, why in skipped.items() if why}


def _address(delivery: Delivery, addresses: Mapping[int, Address] | None) -> Address:
    return (addresses or {}).get(delivery.pk) or own_address(delivery)


def _tell(lanes: set[tuple[int, int]]) -> None:
    for lane in sorted(lanes):
        announce(work_lane, *lane)


def _note(delivery: Delivery, address: Address, channel: Channel, order: Order) -> str:
    instead = (
        ""
        if address.wire == delivery.recipient_wire
        else f" to {address.shown} instead of {delivery.recipient}"
    )
    return f"again{instead} for {channel}, by {order.by}"[:500]


def obstacle(delivery: Delivery, channel: Channel | None, order: Order) -> str:
    """Say why it cannot be sent again by the channel now; empty if it can."""
    known = what_is_known(delivery)
    if known.asks and not order.anyway:
        return ASKED.format(known=known)
    return in_its_way(delivery) or of_channel(delivery, channel)


def in_its_way(delivery: Delivery) -> str:
    """Say why it cannot be sent again, by whatever channel, to whatever address."""
    if has_been_sent_again(delivery):
        return "It has been sent again before."
    return _of_sender(delivery)


def has_been_sent_again(delivery: Delivery) -> bool:
    """Whether one of the message's resends is for this recipient.

    Not if it is to another of those who got the message. What went to a corrected
    address might be anybody's.
    """
    resends = delivery.message.resends.all()
    if not resends:
        return False
    others = {
        each.recipient.lower()
        for each in delivery.message.deliveries.all()
        if each.pk != delivery.pk
    }
    return any(
        each.conversation.person_address.lower() not in others for each in resends
    )


def _of_sender(delivery: Delivery) -> str:
    sender, identity = delivery.sender, delivery.message.identity
    if not sender.is_active or sender.team_id != delivery.team_id:
        return f"{sender} is not in the team any more."
    if identity is None or not identity.is_verified:
        return f"{delivery.message.from_address} is not a verified email identity any more."
    return ""


def of_channel(delivery: Delivery, channel: Channel | None) -> str:
    if channel is None or channel.disconnected_at:
        return "Its delivery channel is disconnected."
    if channel.health != Channel.Health.WORKING:
        return f"{channel} does not work at the moment: mend it first."
    if not channel.may_be_used_by(delivery.sender):
        return f"{delivery.sender} cannot use this {channel}."
    return ""
