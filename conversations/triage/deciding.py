"""What people decide about a failure: resolved, waiting, a loss; with a note and an owner.

The delivery keeps the present decision, its timeline every one.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.timezone import now

from conversations.models import Delivery, DeliveryEvent
from conversations.models.event import Line
from conversations.models.state import FAILURES, Triage
from conversations.triage.order import Order, Skipped
from deliveryportal.accounts.models import User

NOTE = 300  # characters


def decide(deliveries: list[Delivery], order: Order) -> Skipped:
    """Mark each as `decision`, in the care of `owner` if one was named."""
    triage = Triage(order.options["decision"])
    owner = User.objects.filter(
        pk=order.options.get("owner") or 0, team=order.by.team_id
    ).first()
    note = str(order.options.get("note", ""))[:NOTE]
    words = f"{triage.label}, by {order.by}."
    if owner:
        words += f" {owner} looks after it."
    _mark(deliveries, triage, f"{words} {note}".strip(), owner)
    return {}


def sent_again(deliveries: Iterable[Delivery], order: Order) -> None:
    """What has been sent again needs nobody any more: its new message does."""
    failures = [each for each in deliveries if each.state in FAILURES]
    _mark(failures, Triage.RESOLVED, f"Resolved: sent again by {order.by}.")


def not_sent_again(deliveries: Iterable[Delivery]) -> None:
    """What was to take their place has been taken back: they need somebody as before."""
    _mark(deliveries, Triage.OPEN, "Open again: what was sent instead was taken back.")


def archived(deliveries: Iterable[Delivery], order: Order) -> None:
    """What is put away needs nobody any more, unless somebody has decided already."""
    failures = [each for each in deliveries if each.needs_a_hand]
    _mark(failures, Triage.RESOLVED, f"Resolved: archived by {order.by}.")


def _mark(
    deliveries: Iterable[Delivery], triage: Triage, note: str, owner: User | None = None
) -> None:
    ids = [delivery.pk for delivery in deliveries]
    changes: dict[str, object] = {"triage": triage}
    if owner:
        changes["triage_owner"] = owner
    Delivery.objects.filter(pk__in=ids, state__in=FAILURES).update(**changes)
    at = now()
    DeliveryEvent.objects.record(
        Line(pk, DeliveryEvent.Kind.TRIAGED, at, note=note[:500]) for pk in ids
    )
