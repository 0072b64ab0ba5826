"""Handing work on many deliveries to the background, and calling it off."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from channels.announcing import announce
from conversations.models import BulkJob, Delivery
from conversations.triage.actions import ACTIONS, Action
from conversations.triage.bulk import at_once, keep
from conversations.triage.scope import Scope
from conversations.triage.tasks import work_job
from conversations.triage.telling import about, filled_in
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User


@transaction.atomic
def begin(
    action: Action, scope: Scope, *, by: User, options: dict[str, Any]
) -> BulkJob:
    """Make a job for `bulk.work` to do; it is announced on commit."""
    if scope.uuids:
        found = list(scope.deliveries(by).values_list("pk", "recipient"))
        return begin_on(action, found, by=by, options=options)
    newest = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    return _begin(
        BulkJob(action=action.key, query=scope.query, gather_until=newest),
        by=by,
        options=options,
    )


@transaction.atomic
def begin_on(
    action: Action,
    found: list[tuple[int, str]],
    *,
    by: User,
    options: dict[str, Any],
) -> BulkJob:
    """The same for deliveries that are known by now: their ids and recipients."""
    return _begin(BulkJob(action=action.key), found, by=by, options=options)


def _begin(
    job: BulkJob,
    found: list[tuple[int, str]] | None = None,
    *,
    by: User,
    options: dict[str, Any],
) -> BulkJob:
    job.by, job.team_id, job.options = by, by.team_id, options
    job.save()
    if found:
        keep(job, found)
        job.save()
    if not at_once(job):  # a small job is logged once only, at its end
        began = f"Began: {ACTIONS[job.action].label}"
        record(Area.TRIAGE, began, about(job), by=by, **filled_in(options))
    transaction.on_commit(lambda: announce(work_job, job.pk))
    return job


@transaction.atomic
def ask_to_stop(job: BulkJob, *, by: User) -> bool:
    """Let the job end after those in hand; return False if it has ended already."""
    if not BulkJob.objects.unfinished().filter(pk=job.pk).update(stop_asked=True):
        return False
    record(Area.TRIAGE, f"Stopped: {ACTIONS[job.action].label}", about(job), by=by)
    return True
