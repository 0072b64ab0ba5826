"""Mends what a process that died or a queue that lost messages has left behind.

Idempotent conditional UPDATEs: any number of sweepers may run at once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils.timezone import now

from channels.allowance import nothing_is_in_hand
from channels.announcing import announce
from channels.database.clock import clock_ahead
from channels.far_ends import end_all_sessions
from channels.models import ConnectionTest
from conversations.failing_unsent import fail_without_channel
from conversations.models import (
    CauseTally,
    Delivery,
    DeliveryEvent,
    Heartbeat,
    Lane,
    Report,
    Total,
)
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.event import Line
from conversations.models.state import State
from conversations.sending.delays import end_delays
from conversations.sending.lease import NO_LEASE, UNTRIED, Lease, handful_of
from conversations.sending.outcomes import ACCEPTED
from conversations.sending.turns import BELIEVED, LaneId
from conversations.tasks import announce_lanes, read_reports
from conversations.triage.bulk import forgotten
from conversations.triage.tasks import work_job
from conversations.watching.digest_tasks import announce_digests
from conversations.watching.tallying import tally
from conversations.writing.drafting import forget_sent

logger = logging.getLogger(__name__)
Kind = DeliveryEvent.Kind

ROLE = "sweep"
AT_A_TIME = 500
# A report is announced when it comes; if it is unread after this, that was lost.
UNREAD_AFTER = timedelta(seconds=5)
# For how long a claim shows that a worker is busy with the lane: longer than a turn,
# and much shorter than a lease. After that the worker has died, or the remote server
# hangs, and another worker may go on with what is not claimed.
AT_WORK = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did."""

    unconfirmed: int
    lanes: int
    reports: int
    jobs: int

    def __str__(self) -> str:
        return (
            f"{self.lanes} lanes announced, {self.unconfirmed} unconfirmed, "
            f"{self.reports} reports handed in again, "
            f"{self.jobs} jobs taken up again"
        )


def sweep() -> Swept:
    at, ahead = now(), clock_ahead()
    by_the_database = at - ahead
    forget_old_tests(at)
    forget_old_strays(at)
    forget_sent(at)
    fail_without_channel(Delivery.objects.all())
    end_delays(at)
    # A lease is over when it is so by both clocks: ours may be wrong.
    shorten_leases(max(at, by_the_database))
    swept = Swept(
        unconfirmed=give_up_handing_over(min(at, by_the_database)),
        lanes=announce_due_lanes(at),
        reports=announce_unread_reports(at),
        jobs=announce_forgotten_jobs(),
    )
    announce_digests(at)
    tally()
    CauseTally.objects.fold()
    Heartbeat.beat(ROLE, clock_ahead=ahead)
    return swept


def give_up_handing_over(at: datetime) -> int:
    """End expired leases; return how many deliveries became unconfirmed.

    Those noted as accepted are settled so. The handful that was at work becomes
    unconfirmed, for a person to decide. The rest was not begun and goes back into the
    queue.
    """
    expired = Delivery.objects.lease_expired(at).values_list("lease", flat=True)
    return sum(_give_up(lease, at) for lease in expired.distinct()[:AT_A_TIME])


@transaction.atomic
def _give_up(lease: str, at: datetime) -> int:
    """End one lease as a whole: a worker still alive finds it lost, and stops."""
    held = Delivery.objects.held_under(lease).order_by("pk")
    ids = list(held.values_list("pk", flat=True))
    # If a row is locked, its worker is settling it and may be about to begin the next.
    if not ids or _locked(held) != ids:
        return 0
    Total.add("leases", "expired", 1)
    note = "The worker stopped while handing it over. It may have arrived."
    ours = {"lease": lease, "state": State.HANDING_OVER}
    noted = _settle_noted(ids, ours)
    ids = [pk for pk in ids if pk not in noted]
    in_doubt = ids[: handful_of(lease)]
    given_up = Delivery.objects.move_telling(
        [Line(pk, kind=Kind.UNCONFIRMED, at=at, note=note) for pk in in_doubt],
        {"state": State.UNCONFIRMED, "reason": "unconfirmed"} | NO_LEASE,
        ours,
    )
    Delivery.objects.move(ids[len(in_doubt) :], UNTRIED, ours)
    return len(given_up)


def _settle_noted(ids: list[int], ours: dict[str, Any]) -> set[int]:
    """Settle deliveries noted as accepted in their last attempt; return their ids."""
    noted = DeliveryEvent.objects.filter(
        delivery__in=ids, kind=Kind.ACCEPTED, attempt=F("delivery__attempts")
    )
    settled: set[int] = set()
    for pk, at in noted.values_list("delivery_id", "at"):
        changes = ACCEPTED | NO_LEASE | {"accepted_at": at}
        settled |= Delivery.objects.move([pk], changes, ours)
    return settled


def _locked(deliveries: DeliveryQuerySet) -> list[int]:
    free = deliveries.select_for_update(skip_locked=True)
    return list(free.values_list("pk", flat=True))


def announce_due_lanes(at: datetime) -> int:
    """Announce lanes with due mail, unless they are resting, at work, or announced.

    A lane at work is announced again after its turn. One announced a moment ago is in
    the queue. Return how many the queue took.
    """
    lane = {"channel": OuterRef("channel_id"), "sender": OuterRef("sender_id")}
    at_work = Delivery.objects.in_hand().filter(
        **lane, lease_until__gt=Lease.end() - AT_WORK
    )
    announced = Lane.objects.filter(
        **lane,
        not_again_before__gt=at,
        not_again_before__lte=at + 2 * BELIEVED[-1],
    )
    startable = Delivery.objects.startable(at)
    waiting = startable.exclude(Exists(at_work)).exclude(Exists(announced))
    return announce_lanes([LaneId(*lane) for lane in _lanes_of(waiting)[:AT_A_TIME]])


def announce_timed_lanes(since: datetime, at: datetime) -> int:
    """Announce lanes in which scheduled mail has become due in this span.

    Even if a worker is busy with the lane: it may have died, or have read ahead before,
    or its remote server may hang. Return how many the queue took.
    """
    timed = Delivery.objects.startable(at).due_between(since, at).order_by()
    # All of them, however many have the same time: this span is looked at only once.
    lanes = (LaneId(*lane) for lane in list(_lanes_of(timed)))
    told = 0
    while portion := list(islice(lanes, AT_A_TIME)):
        told += announce_lanes(portion)
    return told


def _lanes_of(deliveries: DeliveryQuerySet) -> QuerySet[Any, tuple[int, int]]:
    return deliveries.values_list("channel_id", "sender_id").distinct()


def announce_unread_reports(at: datetime) -> int:
    unread = list(
        Report.objects.unread_since(at - UNREAD_AFTER)
        .order_by("received_at")
        .values_list("pk", flat=True)[:AT_A_TIME]
    )
    return sum(takewhile(bool, (announce(read_reports, pk) for pk in unread)))


def announce_forgotten_jobs() -> int:
    return sum(takewhile(bool, (announce(work_job, pk) for pk in forgotten())))


def forget_old_tests(at: datetime) -> None:
    """Delete connection tests after a day: they hold credentials, and are of no use."""
    ConnectionTest.objects.filter(created_at__lt=at - timedelta(days=1)).delete()


def forget_old_strays(at: datetime) -> None:
    """Delete stray reports after 30 days: anybody may send mail to postmaster."""
    old = Report.objects.strays().filter(received_at__lt=at - timedelta(days=30))
    pks = list(old.values_list("pk", flat=True)[:AT_A_TIME])
    Report.objects.filter(pk__in=pks).delete()


def begin_leases_anew() -> None:
    """Let all leases end a whole lease from now, because the clock has jumped.

    By our clock and by the database's: ours alone may have been put back.
    """
    latest = max(now(), now() - clock_ahead())
    ends = latest + timedelta(seconds=settings.LEASE_SECONDS)
    Delivery.objects.in_hand().update(lease_until=ends)


def shorten_leases(at: datetime) -> None:
    """Shorten leases that end too late: the clock was put back while no sweeper ran."""
    whole = timedelta(seconds=settings.LEASE_SECONDS)
    too_long = Delivery.objects.in_hand().filter(lease_until__gt=at + 2 * whole)
    too_long.update(lease_until=at + whole)


def end_leases(deliveries: DeliveryQuerySet) -> int:
    """Let these leases end now, because their worker is gone; the next sweep acts."""
    # Long past, by whatever clock: a sweep goes by two.
    return deliveries.in_hand().update(lease_until=now() - timedelta(days=1))


def end_all_leases() -> None:
    """End every lease now. Only for a process that knows it is alone."""
    end_leases(Delivery.objects.all())
    end_all_sessions()
    nothing_is_in_hand()
