from __future__ import annotations

from conversations.models import Delivery, Message
from conversations.triage.order import Order, Skipped

NOT_ARCHIVED = "Only drafts and archived mail are deleted: archive it first."


def delete(deliveries: list[Delivery], order: Order) -> Skipped:
    """Delete what is archived, with all that is known of it."""
    skipped = {each.pk: NOT_ARCHIVED for each in deliveries if not each.archived_at}
    rest = [each for each in deliveries if each.pk not in skipped]
    Delivery.objects.filter(pk__in=[each.pk for each in rest]).delete()
    Message.objects.filter(
        pk__in=[each.message_id for each in rest], deliveries=None
    ).delete()
    return skipped
