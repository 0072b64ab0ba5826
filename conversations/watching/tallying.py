"""The sweeper counts new events of the timelines, each once, a moment later.

So sending pays nothing for statistics, no figure is made by counting deliveries, and a
process that dies loses no count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import models, transaction
from django.db.models import Max
from django.utils.timezone import now

from conversations.models import DeliveryEvent, Report, Tally, TallyMark, Total

Kind = DeliveryEvent.Kind

# Longer than any transaction that writes events; see TallyMark.
SETTLED_AFTER = timedelta(seconds=10)
AT_A_TIME = 20_000
COUNTED = {
    Kind.ACCEPTED,
    Kind.DEFERRED,
    Kind.FAILED,
    Kind.UNCONFIRMED,
    Kind.LATE_ANSWER,
    Kind.BOUNCED,
    Kind.DELAYED,
    Kind.DELIVERED,
    Kind.RELAYED,
    Kind.COMPLAINED,
}
# Upper bounds in seconds of the hand-over latency's buckets.
BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


class Line(NamedTuple):
    """The fields of an event that are counted."""

    kind: str
    at: datetime
    not_before: datetime
    team: int
    sender: int
    channel: int
    channel_kind: str


def tally() -> int:
    """Count the rows that are safe to count; return how far the ids have moved."""
    return _count(DeliveryEvent, _count_events) + _count(Report, _count_reports)


def _count(model: type[models.Model], count: Callable[[int, int], None]) -> int:
    table = model._meta.db_table
    newest = model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0
    known, _ = TallyMark.objects.get_or_create(table=table)
    if known.counted_to >= newest:
        return 0
    with transaction.atomic():
        mine = TallyMark.objects.select_for_update(skip_locked=True)
        mark = mine.filter(table=table).first()
        if mark is None:  # another sweeper is at it
            return 0
        begun = mark.counted_to
        if mark.seen_at and mark.seen_at > now():
            mark.seen_at = now()  # the clock has been put back: wait once more
        if mark.seen_at and mark.seen_at <= now() - SETTLED_AFTER:
            mark.counted_to = min(mark.seen_to, begun + AT_A_TIME)
            count(begun, mark.counted_to)
        if mark.counted_to >= mark.seen_to and newest > mark.seen_to:
            mark.seen_to, mark.seen_at = newest, now()
        mark.save()
        return mark.counted_to - begun


def _count_events(after: int, to: int) -> None:
    lines = [
        Line(*row)
        for row in DeliveryEvent.objects.filter(
            pk__gt=after, pk__lte=to, kind__in=COUNTED
        ).values_list(
            "kind",
            "at",
            "delivery__not_before",
            "delivery__team_id",
            "delivery__sender_id",
            "delivery__channel_id",
            "delivery__channel__kind",
        )
    ]
    _add_to_hours(lines)
    outcomes = Counter((line.channel_kind, line.kind) for line in lines)
    for (channel, kind), number in outcomes.items():
        Total.add("events", f"{channel} {kind}", number)
    _add_latencies(lines)


def _add_to_hours(lines: Iterable[Line]) -> None:
    found = Counter(
        (
            line.at.astimezone(UTC).replace(minute=0, second=0, microsecond=0),
            line.team,
            line.sender,
            line.channel,
            line.kind,
        )
        for line in lines
    )
    if not found:
        return
    hours = {key[0] for key in found}
    known = {
        (row.hour, row.team_id, row.sender_id, row.channel_id, row.kind): row
        for row in Tally.objects.filter(
            hour__in=hours, sender__in={key[2] for key in found}
        )
    }
    for key, row in known.items():
        row.number += found.pop(key, 0)
    Tally.objects.bulk_update(known.values(), ["number"], batch_size=500)
    Tally.objects.bulk_create(
        Tally(
            hour=hour,
            team_id=team,
            sender_id=sender,
            channel_id=channel,
            kind=kind,
            number=number,
        )
        for (hour, team, sender, channel, kind), number in found.items()
    )


def _add_latencies(lines: Iterable[Line]) -> None:
    """Add the seconds from due to handed over, in Prometheus's cumulative buckets."""
    waits = [
        max(0.0, (line.at - line.not_before).total_seconds())
        for line in lines
        if line.kind == Kind.ACCEPTED
    ]
    if not waits:
        return
    for bound in BUCKETS:
        Total.add("latency", str(bound), sum(wait <= bound for wait in waits))
    Total.add("latency", "+Inf", len(waits))
    Total.add("latency_ms", "", round(sum(waits) * 1000))


def _count_reports(after: int, to: int) -> None:
    found = Counter(
        Report.objects.filter(pk__gt=after, pk__lte=to).values_list("source", flat=True)
    )
    for source, number in found.items():
        Total.add("reports", source, number)
