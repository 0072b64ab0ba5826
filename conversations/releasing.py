from __future__ import annotations

from django.db import transaction
from django.utils.timezone import now

from conversations.models import Delivery, DeliveryEvent
from conversations.models.delivery import DeliveryQuerySet, State


@transaction.atomic
def release_held(deliveries: DeliveryQuerySet) -> int:
    """Put what is under a hold, and claimed but not begun, back into the queue.

    Its worker finds its lease gone before it sends, as with mail that was cancelled.
    """
    at = now()
    claimed = deliveries.held(at).with_hold().filter(state=State.CLAIMED)
    claimed = claimed.select_for_update(of=("self",), skip_locked=True)
    found = {each.pk: getattr(each, "hold_words", None) for each in claimed}
    words = {pk: because for pk, because in found.items() if because}
    Delivery.objects.filter(pk__in=words, state=State.CLAIMED).update(
        state=State.QUEUED, state_since=at, lease="", lease_until=None
    )
    DeliveryEvent.objects.bulk_create(
        DeliveryEvent(
            delivery_id=pk,
            kind=DeliveryEvent.Kind.RESUMED,
            at=at,
            note=f"{because}. Nothing was sent."[:500],
        )
        for pk, because in words.items()
    )
    return len(words)
