from __future__ import annotations

from conversations.models import Attachment, Delivery, Message
from conversations.triage.order import Order, Skipped


def delete(deliveries: list[Delivery], order: Order) -> Skipped:
    """Delete the deliveries with their timelines, and messages that have no others.

    Also these messages' files, except those that a draft or another message has.
    """
    Delivery.objects.filter(pk__in=[each.pk for each in deliveries]).delete()
    to_nobody = Message.objects.filter(
        pk__in=[each.message_id for each in deliveries], deliveries=None
    )
    files = list(
        Attachment.objects.filter(messages__in=to_nobody)
        .values_list("pk", flat=True)
        .distinct()
    )
    to_nobody.delete()
    Attachment.objects.filter(pk__in=files).unused().delete()
    return {}
