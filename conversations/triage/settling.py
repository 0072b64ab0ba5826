"""Settling unconfirmed mail: a person has found out whether it arrived."""

from __future__ import annotations

from typing import Any

from django.utils.timezone import now

from conversations.models import Delivery, DeliveryEvent
from conversations.models.event import Line
from conversations.models.state import State
from conversations.triage.order import Order, Skipped

LATE = "It is not unconfirmed any more: its own answer came in meanwhile."


def settle_as_arrived(deliveries: list[Delivery], order: Order) -> Skipped:
    at = now()
    changes = {"state": State.ACCEPTED, "reason": "", "accepted_at": at}
    return _settle(deliveries, changes, f"It arrived, says {order.by}.")


def settle_as_lost(deliveries: list[Delivery], order: Order) -> Skipped:
    changes = {"state": State.FAILED, "reason": "not_arrived"}
    return _settle(deliveries, changes, f"It did not arrive, says {order.by}.")


def _settle(deliveries: list[Delivery], changes: dict[str, Any], words: str) -> Skipped:
    at = now()
    skipped: Skipped = {}
    settled = []
    for delivery in deliveries:
        unconfirmed = Delivery.objects.filter(pk=delivery.pk, state=State.UNCONFIRMED)
        if unconfirmed.update(state_since=at, **changes):
            settled.append(delivery.pk)
        else:
            skipped[delivery.pk] = LATE
    DeliveryEvent.objects.record(
        Line(pk, DeliveryEvent.Kind.SETTLED, at, note=words) for pk in settled
    )
    return skipped
