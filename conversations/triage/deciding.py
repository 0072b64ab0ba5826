"""People's decisions about a failure: resolved, waiting, a loss; with note and owner.

The delivery has the latest decision, its timeline has all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.utils.timezone import now

from conversations.models import Delivery, DeliveryEvent
from conversations.models.event import Line
from conversations.models.state import FAILURES, Triage
from conversations.triage.order import Order, Skipped
from deliveryportal.accounts.models import User

NOTE = 300  # characters
# Instead of a person, whose key it is: nobody, or of each its own sender.
NOBODY, SENDER = "nobody", "sender"
CANNOT_SEE_IT = (
    "Whoever shall look after it cannot: only its sender and managers see it."
)


def decide(deliveries: list[Delivery], order: Order) -> Skipped:
    """Set each to the chosen `decision`, and to `owner` if one was chosen who can see it."""
    triage = Triage(order.options["decision"])
    note = str(order.options.get("note", ""))[:NOTE]
    words = f"{triage.label}, by {order.by}."
    chosen = order.options.get("owner")
    if not chosen or chosen == NOBODY:
        changes = {"triage_owner": None} if chosen else {}
        said = " Nobody looks after it." if chosen else ""
        _mark(deliveries, triage, f"{words}{said} {note}".strip(), **changes)
        return {}
    skipped: Skipped = {}
    for owner, theirs in _by_owner(deliveries, order).items():
        if owner is None:
            skipped |= {each.pk: CANNOT_SEE_IT for each in theirs}
            continue
        said = f"{words} {owner} looks after it. {note}".strip()
        _mark(theirs, triage, said, triage_owner=owner)
    return skipped


def _by_owner(
    deliveries: Iterable[Delivery], order: Order
) -> dict[User | None, list[Delivery]]:
    """Under whoever was chosen for each; under None where that person cannot see it."""
    chosen, named = order.options["owner"], None
    if chosen != SENDER:
        named = User.objects.filter(pk=chosen, team=order.by.team_id).first()
    found: dict[User | None, list[Delivery]] = defaultdict(list)
    for each in deliveries:
        owner = each.sender if chosen == SENDER else named
        sees = owner and owner.is_active and (owner.is_manager or owner == each.sender)
        found[owner if sees else None].append(each)
    return found


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
    deliveries: Iterable[Delivery], triage: Triage, note: str, **changes: User | None
) -> None:
    ids = [delivery.pk for delivery in deliveries]
    failures = Delivery.objects.filter(pk__in=ids, state__in=FAILURES)
    failures.update(triage=triage, **changes)
    at = now()
    DeliveryEvent.objects.record(
        Line(pk, DeliveryEvent.Kind.TRIAGED, at, note=note[:500]) for pk in ids
    )
