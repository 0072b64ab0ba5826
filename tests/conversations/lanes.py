"""A lane that is full, and a worker's first steps in one."""

from __future__ import annotations

from channels.models import Channel, EmailIdentity
from conversations.delivering import claim, look_ahead
from conversations.models import Conversation, Delivery, Message
from conversations.sending.lease import Lease
from conversations.sending.turns import LaneId
from deliveryportal.accounts.models import User


def claim_due(
    channel: Channel, sender_id: int, lease: Lease | None = None
) -> list[Delivery]:
    """Look ahead and claim all that is due: it is being handed over."""
    batch = look_ahead(channel, sender_id)
    return claim(batch.deliveries, lease or Lease.new(), batch)


def has_queued(user: User, number: int) -> LaneId:
    """Queue `number` mails of a user's, without the time that writing them takes."""
    channel = Channel.objects.default()
    identity = EmailIdentity.objects.get(owner=user, is_default=True)
    conversation = Conversation.objects.create(
        owner=user, person_address="anna@customer.test"
    )
    messages = Message.objects.bulk_create(
        [
            Message(
                conversation=conversation,
                sender=user,
                team=user.team,
                identity=identity,
                from_name=identity.display_name,
                from_address=identity.address,
                subject="Hello",
                body="Text.",
                message_id=f"<{each}.{user.pk}@portal.test>",
            )
            for each in range(number)
        ],
        batch_size=500,
    )
    Delivery.objects.bulk_create(
        [
            Delivery(
                message=message,
                recipient="anna@customer.test",
                recipient_wire="anna@customer.test",
                channel=channel,
                sender=user,
                team=user.team,
            )
            for message in messages
        ],
        batch_size=500,
    )
    return LaneId(channel.pk, user.pk)
