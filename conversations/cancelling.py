"""Mail that cannot leave any more does not disappear: it has failed, and says why."""

from __future__ import annotations

from django.db import transaction
from django.utils.timezone import now

from conversations.models import Delivery, DeliveryEvent
from conversations.models.delivery import DeliveryQuerySet, State


def not_begun(deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
    """Narrow to those of which nothing was sent yet."""
    return deliveries.filter(state__in=[State.QUEUED, State.CLAIMED])


@transaction.atomic
def cancel(
    deliveries: DeliveryQuerySet, because: str, reason: str = "not_sendable"
) -> None:
    """Fail those that are not begun, `because` of what a sentence says.

    A worker that has claimed one finds its lease gone before it sends. What is being
    handed over at this moment is left to its worker.
    """
    at = now()
    waiting = not_begun(deliveries).select_for_update()
    ids = list(waiting.values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=ids).update(
        state=State.FAILED,
        state_since=at,
        waiting_for="",
        lease="",
        lease_until=None,
        reason=reason,
        remote_words=because,
    )
    DeliveryEvent.objects.bulk_create(
        DeliveryEvent(
            delivery_id=pk, kind=DeliveryEvent.Kind.FAILED, at=at, note=because
        )
        for pk in ids
    )
