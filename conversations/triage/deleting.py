from __future__ import annotations

from conversations.models import Attachment, Delivery, Message
from conversations.triage.order import Order, Skipped

ON_ITS_WAY = (
    "It is still on its way to another of its recipients: delete it once it has left "
    "for all of them."
)


def delete(deliveries: list[Delivery], order: Order) -> Skipped:
    """Delete the deliveries with their timelines, and messages that have no others.

    Also these messages' files, except those that a draft or another message has. Not as
    long as a message is on its way to others: each copy names whom it is addressed to.
    """
    messages = {each.message_id for each in deliveries}
    leaving = Delivery.objects.in_progress().filter(message__in=messages)
    on_its_way = set(leaving.values_list("message_id", flat=True))
    skipped = {
        each.pk: ON_ITS_WAY for each in deliveries if each.message_id in on_its_way
    }
    done = [each.pk for each in deliveries if each.pk not in skipped]
    Delivery.objects.filter(pk__in=done).delete()
    to_nobody = Message.objects.filter(pk__in=messages, deliveries=None)
    files = list(
        Attachment.objects.filter(messages__in=to_nobody)
        .values_list("pk", flat=True)
        .distinct()
    )
    to_nobody.delete()
    Attachment.objects.filter(pk__in=files).unused().delete()
    return skipped
