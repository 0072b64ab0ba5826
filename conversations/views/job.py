from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from conversations.models import BulkItem, BulkJob
from conversations.triage.actions import ACTIONS
from conversations.triage.beginning import ask_to_stop
from conversations.triage.bulk import at_once, turn
from conversations.views.back import back_of, with_back
from conversations.views.live import live
from deliveryportal.accounts.access import UserRequest

LISTED = 200  # of those that were skipped
Outcome = BulkItem.Outcome


def follow(request: UserRequest, job: BulkJob, *, back: str) -> HttpResponse:
    """Lead to the page of a job that has begun, or `back` if all of it is done.

    A few are done before the page is answered, the rest in the background.
    """
    if at_once(job):
        while turn(job.pk):
            pass
        job.refresh_from_db()
    if job.finished_at is None or job.skipped:
        return redirect(with_back(job.get_absolute_url(), back))
    what = "One message" if job.done == 1 else f"{job.done:,} messages"
    messages.success(request, f"{what} {ACTIONS[job.action].done}.")
    return redirect(back)


@require_safe
def job(request: UserRequest, uuid: UUID) -> HttpResponse:
    """How far a job is, and what it did not do, and why."""
    found = get_object_or_404(
        BulkJob.objects.visible_to(request.user).select_related("by"), uuid=uuid
    )
    skipped = found.items.filter(outcome=Outcome.SKIPPED)
    return live(
        request,
        "conversations/job.html",
        {"live_part": "conversations/_job.html"},
        {
            "job": found,
            "back": back_of(request),
            "action": ACTIONS[found.action],
            "reasons": skipped.values_list("why")
            .annotate(number=Count("pk"))
            .order_by("-number"),
            "skipped": skipped.select_related("delivery__message").order_by("pk")[
                :LISTED
            ],
        },
    )


@require_POST
def stop(request: UserRequest, uuid: UUID) -> HttpResponse:
    found = get_object_or_404(BulkJob.objects.visible_to(request.user), uuid=uuid)
    if not ask_to_stop(found, by=request.user):
        messages.info(request, "It had ended before it could be stopped.")
    return redirect(with_back(found.get_absolute_url(), back_of(request)))
