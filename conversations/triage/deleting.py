from __future__ import annotations

from conversations.models import Attachment, Delivery, Message
from conversations.triage.order import Order, Skipped


def delete(deliveries: list[Delivery], order: Order) -> Skipped:
    """Delete them with all that is known of them, and what was written to nobody else.

    Its files too, but for those that a draft or other mail still has.
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
