from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conversations.models import BulkJob
from conversations.resending import offers_for
from conversations.triage.actions import ACTIONS
from deliveryportal.accounts.access import UserRequest

MOST_JOBS = 5


@require_safe
def offers(request: UserRequest) -> HttpResponse:
    """What is being done to many, and what may be sent again since its channel works.

    Part of a page, fetched by it: to find that takes longer than the whole list, which
    need not wait for it.
    """
    at_work = BulkJob.objects.visible_to(request.user).unfinished()
    found = {
        "jobs": [
            (ACTIONS[each.action], each)
            for each in at_work.select_related("by").order_by("-pk")[:MOST_JOBS]
        ],
        "offers": offers_for(request.user),
    }
    return render(request, "conversations/_offers.html", found)
