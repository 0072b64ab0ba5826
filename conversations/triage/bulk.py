"""Actions on thousands of deliveries: in the background, a few in each transaction.

The changes and the job's progress commit together, so a crash loses and repeats
nothing; the sweeper finds jobs that a dead worker left. Between two turns the worker
rests as long as it has worked: pages and sending come first.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from datetime import timedelta

from django.db import connection, transaction
from django.utils import timezone
from django.utils.timezone import now

from conversations.models import BulkItem, BulkJob
from conversations.sending.stopping import stopping
from conversations.triage.actions import ACTIONS, Action
from conversations.triage.carrying_out import GONE, carry_out
from conversations.triage.order import Order, Skipped
from conversations.triage.scope import Scope
from conversations.triage.telling import about, filled_in
from deliveryportal.accounts.auditing import Area, record

logger = logging.getLogger(__name__)

AT_A_TIME = 25  # in one transaction
GATHERED_AT_A_TIME = 500
SPELL = timedelta(seconds=2)  # of one worker, before other work has its turn
FORGOTTEN_AFTER = timedelta(seconds=15)
BROKE = (
    "Something broke here, and the log tells your admin what: it was left as it is, and "
    "nothing was sent."
)
Outcome = BulkItem.Outcome


def work(job_id: int, spell: timedelta = SPELL) -> bool:
    """Work on the job for a while; return whether there is more to do."""
    ends = time.monotonic() + spell.total_seconds()
    while not stopping.is_set():
        begun = time.monotonic()
        if not turn(job_id):
            return False
        if time.monotonic() > ends:
            return True
        stopping.wait(time.monotonic() - begun)
    return False


@transaction.atomic
def turn(job_id: int) -> bool:
    """Do some of the job; False if it is finished or another worker has it."""
    job = (
        BulkJob.objects.unfinished()
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("by")
        .filter(pk=job_id)
        .first()
    )
    if job is None:
        return False
    if job.stop_asked or not job.by.is_active or not (_gather(job) or _do_some(job)):
        job.finished_at = now()
        _record(job)
    job.touched_at = now()
    job.save()
    return job.finished_at is None


def at_once(job: BulkJob) -> bool:
    """Whether the job is so small that one turn does it."""
    return not job.gather_until and job.total <= AT_A_TIME


def _record(job: BulkJob) -> None:
    label, filled = ACTIONS[job.action].label, filled_in(job.options)
    action, more = (label, filled) if at_once(job) else (f"Finished: {label}", {})
    record(
        Area.TRIAGE,
        action,
        about(job),
        by=job.by,
        **more,
        done=job.done,
        skipped=job.skipped or None,
        stopped=job.stopped or None,
    )


def _gather(job: BulkJob) -> bool:
    """Keep the next deliveries of the list as items; False if all are kept."""
    if not job.gathering:
        return False
    with timezone.override(job.by.zone):  # days begin as in the list the user saw
        listed = Scope((), job.query).deliveries(job.by)
    found = list(
        listed.filter(pk__gt=job.gathered_to, pk__lte=job.gather_until)
        .order_by("pk")
        .values_list("pk", "recipient")[:GATHERED_AT_A_TIME]
    )
    keep(job, found)
    full = len(found) == GATHERED_AT_A_TIME
    job.gathered_to = found[-1][0] if full else job.gather_until
    return True


def keep(job: BulkJob, found: list[tuple[int, str]]) -> None:
    BulkItem.objects.bulk_create(
        BulkItem(job=job, delivery_id=pk, recipient=recipient)
        for pk, recipient in found
    )
    job.total += len(found)


def _do_some(job: BulkJob) -> bool:
    """Carry out the action on the next few items; False if none are left."""
    items = list(job.items.filter(outcome=Outcome.TO_DO).order_by("pk")[:AT_A_TIME])
    if not items:
        return False
    action = ACTIONS[job.action]
    ids = [item.delivery_id for item in items if item.delivery_id]
    order = Order(job.by, job.options, of_many=job.is_of_many)
    skipped = _carry_out_whatever_breaks(action, ids, order)
    # Items without a delivery: it was deleted since it was gathered. If the action
    # itself deletes, it went together with another delivery of its message.
    of_gone = "" if action.removes else GONE
    for item in items:
        why = skipped.get(item.delivery_id, "") if item.delivery_id else of_gone
        item.why = why[:300]
        item.outcome = Outcome.SKIPPED if item.why else Outcome.DONE
    BulkItem.objects.bulk_update(items, ["outcome", "why"])
    job.skipped += sum(bool(item.why) for item in items)
    job.done += sum(not item.why for item in items)
    return True


def _carry_out_whatever_breaks(
    action: Action, ids: Collection[int], order: Order
) -> Skipped:
    """All at once; only where that breaks one by one, so that the others are done.

    What broke has been rolled back each time, by the savepoint of `carry_out`.
    """
    try:
        return carry_out(action, ids, order)
    except Exception:
        if connection.needs_rollback:  # the database is away: all of it later
            raise
        logger.exception("%s broke for some of %s", action.key, ids)
    skipped: Skipped = {}
    for each in ids:
        try:
            skipped |= carry_out(action, [each], order)
        except Exception:
            logger.exception("%s broke for delivery %s", action.key, each)
            skipped[each] = BROKE
    return skipped


def forgotten() -> list[int]:
    """Ids of jobs whose worker has died, or whose announcement was lost."""
    return list(
        BulkJob.objects.unfinished()
        .filter(touched_at__lt=now() - FORGOTTEN_AFTER)
        .values_list("pk", flat=True)[:100]
    )
