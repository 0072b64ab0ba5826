"""People's decisions about a failure: resolved, waiting, a loss; with note and owner.

The delivery has the latest decision, its timeline has all of them.
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
    """Set each to the chosen `decision`, and to `owner` if one was chosen."""
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
    """Mark failures that were sent again as resolved: the new message counts now."""
    failures = [each for each in deliveries if each.state in FAILURES]
    _mark(failures, Triage.RESOLVED, f"Resolved: sent again by {order.by}.")


def not_sent_again(deliveries: Iterable[Delivery]) -> None:
    """Mark failures as open: the mail that was to replace them was taken back."""
    _mark(deliveries, Triage.OPEN, "Open again: what was sent instead was taken back.")


def archived(deliveries: Iterable[Delivery], order: Order) -> None:
    """Mark archived failures as resolved that are open or waiting."""
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
