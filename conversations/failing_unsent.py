"""Mail that cannot leave any more does not disappear: it has failed, and says why."""

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
    """Narrow to those of which nothing was sent yet."""
    return deliveries.filter(state=State.QUEUED)


@transaction.atomic
def fail_unsent(
    deliveries: DeliveryQuerySet, because: str, reason: str = "withdrawn"
) -> None:
    """Fail those that are not begun, `because` of what a sentence says.

    Its reason is a key of REASONS; mostly that somebody has withdrawn them. What is being handed over at this moment is left to its worker.
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
    """Fail what waits for a channel that has been disconnected.

    Once when it is; and by the sweeper for what came back into the queue just then.
    """
    gone = Channel.objects.exclude(disconnected_at=None)
    fail_unsent(deliveries.filter(channel__in=gone), GONE, reason="channel_gone")
