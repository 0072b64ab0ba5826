"""Mail that can no longer be sent does not disappear: it fails, and says why."""

from __future__ import annotations

from django.db import transaction
from django.utils.timezone import now

from channels.models import Channel
from conversations.models import Delivery, DeliveryEvent
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.event import Line
from conversations.models.state import State

GONE = "Its delivery channel was disconnected before it could leave. Nothing was sent."


def not_begun(deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
    """Narrow to queued deliveries, of which nothing has been sent."""
    return deliveries.filter(state=State.QUEUED)


@transaction.atomic
def fail_unsent(
    deliveries: DeliveryQuerySet, because: str, reason: str = "not_sendable"
) -> None:
    """Fail queued deliveries; the sentence `because` says why.

    Mail that is being handed over at this moment is left to its worker.
    """
    at = now()
    waiting = not_begun(deliveries).select_for_update(of=("self",)).order_by("pk")
    ids = list(waiting.values_list("pk", flat=True))
    Delivery.objects.filter(pk__in=ids).update(
        state=State.FAILED,
        state_since=at,
        waiting_for="",
        reason=reason,
        remote_words=because,
    )
    DeliveryEvent.objects.record(
        Line(pk, DeliveryEvent.Kind.FAILED, at, note=because) for pk in ids
    )


def fail_without_channel(deliveries: DeliveryQuerySet) -> None:
    """Fail queued deliveries whose channel has been disconnected.

    Called when that happens, and by the sweeper, for mail that was being handed over at
    that moment and came back into the queue.
    """
    gone = Channel.objects.exclude(disconnected_at=None)
    fail_unsent(deliveries.filter(channel__in=gone), GONE, reason="channel_gone")
