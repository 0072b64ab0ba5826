from __future__ import annotations

from conversations.models import Delivery, Message
from conversations.triage.order import Order, Skipped


def delete(deliveries: list[Delivery], order: Order) -> Skipped:
    """Delete them with all that is known of them, and what was written to nobody else."""
    Delivery.objects.filter(pk__in=[each.pk for each in deliveries]).delete()
    Message.objects.filter(
        pk__in=[each.message_id for each in deliveries], deliveries=None
    ).delete()
    return {}
