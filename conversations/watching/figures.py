"""Figures for the operator: mail that waits or is in hand, reports, and totals.

The cost of each grows with what waits, never with what was ever sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    Min,
    OuterRef,
    Value,
    When,
)
from django.utils.timezone import now

from channels.database.clock import clock_ahead
from channels.models import Allowance, Channel
from conversations.models import Delivery, Heartbeat, Hold, Lane, Report, Total
from conversations.models.state import IS_DOWN, State

# What could go and has been due for so long: no worker is at work, or none keeps up.
OVERDUE = timedelta(minutes=10)
# How long mail has been due: (label, upper bound). Mail not due yet is "later".
AGES: tuple[tuple[str, timedelta], ...] = (
    ("under 1 min", timedelta(minutes=1)),
    ("under 10 min", timedelta(minutes=10)),
    ("under 1 h", timedelta(hours=1)),
    ("under 1 day", timedelta(days=1)),
)
OLDER = "older"
LATER = "later"
MOST_WAITS = 8
# A worker that had a lane comes back to it within this time, or has been called.
LATELY = timedelta(seconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    queued: Mapping[tuple[str, str], int]  # by kind of channel and age
    in_hand: int
    leases_expired: int
    oldest_due: timedelta | None  # see the function of this name
    resting: int  # lanes that wait for a limit
    waiting: int  # lanes that wait for a session of their mail server
    slowed: int  # recipient domains that have asked for less, each on one channel
    put_off: int  # waiting because a channel of the whole installation was down
    pauses: Mapping[str, int]  # placed by admins and in force, by scope
    unread_reports: int
    unreadable_reports: int
    clock_ahead: (
        timedelta  # of the database's, or behind: ours or a sweeper's, the worse
    )
    totals: Mapping[tuple[str, str], int]  # see tallying and sending.throttle_waits


def figures() -> Figures:
    at = now()
    pauses = Hold.objects.in_force(at).by_scope()
    slowed = pauses.pop(Hold.Scope.SLOWED, 0)
    return Figures(
        queued=_queued(at),
        in_hand=Delivery.objects.in_hand().count(),
        leases_expired=Delivery.objects.lease_expired(at).count(),
        oldest_due=oldest_due(at),
        resting=Allowance.objects.on_hold(at).count(),
        waiting=Lane.objects.waiting().count(),
        slowed=slowed,
        put_off=_put_off(),
        pauses=pauses,
        unread_reports=Report.objects.filter(state=Report.State.UNREAD).count(),
        unreadable_reports=Report.objects.filter(state=Report.State.UNREADABLE).count(),
        clock_ahead=worst_clock(),
        totals={
            (total.name, total.label): total.number for total in Total.objects.all()
        },
    )


def oldest_due(at: datetime) -> timedelta | None:
    """How long the oldest mail that could go has been waiting for a worker.

    What a worker takes up again and again, or has in hand, is not among it: there a
    far end is slow, or has no session left, or somebody has written to thousands. Nor
    is what has waited until lately for the end of a limit or hold: it is not overdue yet.
    """
    lane = {"channel": OuterRef("channel_id"), "sender": OuterRef("sender_id")}
    in_hand = Delivery.objects.in_hand().filter(**lane, lease_until__gt=at)
    attended = Lane.objects.attended(at - LATELY).filter(**lane)
    forgotten = (
        Delivery.objects.startable(at, since=at - OVERDUE)
        .exclude(Exists(attended))
        .exclude(Exists(in_hand))
    )
    oldest = forgotten.aggregate(at=Min("not_before"))["at"]
    return at - oldest if oldest else None


def worst_clock() -> timedelta:
    """By how much a machine's clock is ahead of the database's, or, negative, behind.

    Of this process's machine and of those of the sweepers, the one that differs more.
    """
    told = Heartbeat.objects.exclude(clock_ahead=None)
    of_sweepers = [
        timedelta(seconds=seconds or 0)
        for seconds in told.values_list("clock_ahead", flat=True)
    ]
    return max([clock_ahead(), *of_sweepers], key=abs)


def _put_off() -> int:
    return (
        Delivery.objects.filter(
            state=State.QUEUED,
            waiting_for__endswith=IS_DOWN,
            channel__owner=None,
            channel__team=None,
        )
        .exclude(waiting_for="")  # as in the condition of conv_delivery_put_off
        .count()
    )


def waits(at: datetime) -> list[tuple[str, int]]:
    """Why queued mail waits, in the words its senders read, the most frequent first."""
    rows = (
        Delivery.objects.filter(state=State.QUEUED)
        .exclude(waiting_for="")
        .values_list("waiting_for")
        .annotate(number=Count("pk"))
        .order_by("-number", "waiting_for")[:MOST_WAITS]
    )
    on_broken = Delivery.objects.filter(
        state=State.QUEUED, channel__health=Channel.Health.PAUSED
    ).count()
    broken = [("Its channel must be mended", on_broken)] if on_broken else []
    return [*broken, *rows]


def _queued(at: datetime) -> dict[tuple[str, str], int]:
    age = Case(
        When(not_before__gt=at, then=Value(LATER)),
        *(When(not_before__gt=at - limit, then=Value(label)) for label, limit in AGES),
        default=Value(OLDER),
        output_field=CharField(),
    )
    rows = (
        Delivery.objects.filter(state=State.QUEUED)
        .annotate(age=age)
        .values_list("channel__kind", "age")
        .annotate(Count("pk"))
        .order_by()
    )
    return {(kind, age): number for kind, age, number in rows}
