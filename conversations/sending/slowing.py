"""A recipient's domain asks for less mail: mail to it on this channel rests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.timezone import now

from conversations.models import Delivery, Hold
from conversations.models.state import SLOW_DOWN
from conversations.sending.outcomes import Outcome, domain_of
from conversations.sending.slow_policy import asked_before, rest


def slow_down(results: Sequence[Outcome]) -> None:
    """Place a SLOWED hold on each domain that asked for it in these results."""
    asked: dict[str, Outcome] = {}
    for result in results:
        if result.asks_to_slow_down:
            asked[domain_of(result.delivery)] = result
    for domain, result in sorted(asked.items()):
        assert result.error is not None
        _rest(result.delivery, domain, result.error.wait, now())


@transaction.atomic
def _rest(
    delivery: Delivery, domain: str, asked_for: timedelta | None, at: datetime
) -> None:
    slowed = Hold.objects.filter(
        scope=Hold.Scope.SLOWED, channel=delivery.channel_id, domain=domain
    )
    Hold.objects.bulk_create(
        [
            Hold(
                scope=Hold.Scope.SLOWED,
                channel_id=delivery.channel_id,
                domain=domain,
                until=at,
                because=_because(delivery),
            )
        ],
        ignore_conflicts=True,
    )
    hold = slowed.select_for_update().get()
    assert hold.until is not None
    if hold.times and hold.lifted_at is None and hold.until > at:
        return  # counted already: several messages were under way when it asked
    hold.times = asked_before(hold.times, hold.until, at) + 1
    hold.placed_at, hold.until = at, at + rest(hold.times, asked_for)
    hold.lifted_at = hold.lifted_by = None
    hold.because = _because(delivery)
    hold.save()


def _because(delivery: Delivery) -> str:
    return f"{delivery.recipient.rpartition('@')[2]} {SLOW_DOWN}"[:200]
