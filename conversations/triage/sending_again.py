"""A resend: a new message, linked to the failed one, which counts as resolved then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from django.db import transaction
from django.db.models import prefetch_related_objects

from channels.addresses import Address
from channels.models import Channel
from conversations.composing import conversation_with, new_message_id, queue
from conversations.models import Delivery, Message, Suppression
from conversations.sending.turns import LaneId
from conversations.tasks import announce_lanes
from conversations.triage.deciding import sent_again
from conversations.triage.known import what_is_known
from conversations.triage.order import Order, Skipped

ASKED = "It {known}, and you did not say to send it again."
TO_IT_BEFORE = "It has been sent again to this address before."


class Resend(NamedTuple):
    """A delivery to send again by `channel`, `to` whom if not its own recipient."""

    delivery: Delivery
    channel: Channel
    to: Address | None = None

    @property
    def address(self) -> Address:
        return self.to or own_address(self.delivery)

    @property
    def person(self) -> str:
        return self.address.shown.lower()

    @property
    def lane(self) -> LaneId:
        return LaneId(self.channel.pk, self.delivery.sender_id)

    def note(self, order: Order) -> str:
        """The note for the timeline on how it came into the queue."""
        was, wire = self.delivery, self.address.wire
        differs = wire != was.recipient_wire
        instead = f" to {self.address.shown} instead of {was.recipient}"
        return f"again{instead * differs} for {self.channel}, by {order.by}"[:500]


def send_again(
    deliveries: Iterable[Delivery],
    order: Order,
    channel_of: Callable[[Delivery], Channel | None],
    addresses: Mapping[int, Address] | None = None,
) -> Skipped:
    """Send each again by its `channel_of`, to its address in `addresses` or its own.

    Return why others were skipped.
    """
    deliveries = list(deliveries)
    take_turns([each.message for each in deliveries])
    skipped: Skipped = {}
    resends: list[Resend] = []
    for delivery in deliveries:
        channel = channel_of(delivery)
        if why := obstacle(delivery, channel, order):
            skipped[delivery.pk] = why
        else:
            assert channel is not None  # that is an obstacle
            to = (addresses or {}).get(delivery.pk)
            resends.append(Resend(delivery, channel, to))
    skipped |= _stopped(resends)
    rest = [each for each in resends if each.delivery.pk not in skipped]
    return skipped | queue_again(rest, order)


def take_turns(messages: Sequence[Message]) -> None:
    """Wait for others who send one of these again, and find what they have sent.

    Whoever locks deliveries as well does that before.
    """
    ids = {each.pk for each in messages}
    locked = Message.objects.filter(pk__in=ids).select_for_update(no_key=True)
    list(locked.order_by("pk").values_list("pk"))
    prefetch_related_objects(messages, "resends__conversation")


def _stopped(resends: Iterable[Resend]) -> Skipped:
    """What the team of each stops, which need not be that of whoever asks for it."""
    by_team: dict[int, list[Resend]] = defaultdict(list)
    for each in resends:
        by_team[each.delivery.team_id].append(each)
    skipped: Skipped = {}
    for team_id, of_team in by_team.items():
        wires = [each.address.wire for each in of_team]
        stopping = Suppression.objects.stopping(team_id, wires)
        for each in of_team:
            if suppression := stopping.get(each.address.wire):
                skipped[each.delivery.pk] = suppression.sentence
    return skipped


def queue_again(resends: Iterable[Resend], order: Order) -> Skipped:
    """Write the new messages, resolve the old, and announce the lanes on commit.

    One message to a person; the caller has taken turns. Return why others were skipped.
    """
    skipped: Skipped = {}
    sent: dict[tuple[int, str], Resend] = {}
    for each in resends:
        failed = each.delivery.message
        key = failed.pk, each.person
        if key in sent or each.person in sent_again_to(failed):
            skipped[each.delivery.pk] = TO_IT_BEFORE
            continue
        sent[key] = each
        message = again(each.delivery, each.to)
        queue(message, each.address, each.channel, note=each.note(order))
    sent_again([each.delivery for each in sent.values()], order)
    lanes = {each.lane for each in sent.values()}
    transaction.on_commit(partial(announce_lanes, lanes))
    return skipped


def own_address(delivery: Delivery) -> Address:
    return Address(
        name=delivery.recipient_name,
        shown=delivery.recipient,
        wire=delivery.recipient_wire,
    )


def again(delivery: Delivery, to: Address | None = None) -> Message:
    """A new, unsaved message: the same letter, from the same identity, in its thread.

    To the same person, unless `to` is somebody else. Somebody who got it as Cc or Bcc
    gets it in a conversation of their own.
    """
    failed = delivery.message
    if to is None and delivery.part != Delivery.Part.TO:
        to = own_address(delivery)
    return Message(
        conversation=conversation_with(failed.sender, to)
        if to
        else failed.conversation,
        sender_id=failed.sender_id,
        team_id=failed.team_id,
        identity_id=failed.identity_id,
        from_name=failed.from_name,
        from_address=failed.from_address,
        subject=failed.subject,
        body=failed.body,
        body_html=failed.body_html,
        cc=failed.cc,
        has_attachments=failed.has_attachments,
        follows_id=failed.follows_id,
        references=failed.references,
        message_id=new_message_id(),
        resend_of=failed,
    )


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
    """Whether the message was sent again for this recipient.

    A resend to another recipient of the message does not count. One to a corrected
    address does, since it may be this recipient's.
    """
    people = sent_again_to(delivery.message)
    if not people:
        return False
    others = {
        each.recipient.lower()
        for each in delivery.message.deliveries.all()
        if each.pk != delivery.pk
    }
    return not people <= others


def sent_again_to(message: Message) -> set[str]:
    """Whom its resends are to."""
    return {each.conversation.person_address.lower() for each in message.resends.all()}


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
