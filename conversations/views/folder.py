from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from channels.database.personal import found_for
from conversations.lists.browsing import Browsing
from conversations.lists.columns import COLUMNS, layout_of, offered
from conversations.lists.counting import Counting, Number
from conversations.lists.filtering import Known
from conversations.lists.rows import rows_of
from conversations.models import Alert, BulkJob
from conversations.models.state import State
from conversations.triage.actions import ACTIONS, Action, offers_in
from conversations.views.around import LIVE_AROUND, around
from conversations.views.live import live
from conversations.views.pages import shown_of
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import User

MOST_JOBS = 5
LIVE = {"live_list": "conversations/_list.html", **LIVE_AROUND}


@require_safe
def folder(request: UserRequest, key: str) -> HttpResponse:
    """One tab of Conversations; the address narrows it. htmx asks for the live part."""
    known = Known(request.user)
    browsing = Browsing.of(request.user, key, request.GET, known)
    if browsing is None:
        raise Http404("There is no such list.")
    if "" in request.GET.values():  # the fields of the form that were left empty
        return redirect(browsing.url)
    layout = layout_of(request.user, key)
    counted = _counted(browsing, known)
    page = browsing.page(layout, counted["matching"])
    if counted["matching"] is None:
        counted["matching"] = Number(len(page.rows), more=not page.is_all)
    for each in counted["searches"]:
        if each["current"]:  # the one number that the page tells
            each["count"] = counted["matching"]
    columns = [each for each in COLUMNS if each.key in layout.columns]
    context = {
        **shown_of(browsing, page, layout, columns),
        "acts": offers_in(browsing.folder.key, browsing.listing.key),
        "body": rows_of(
            page.rows, [each.key for each in columns], waiting=key == "pending"
        ),
        "offered": offered(request.user),
        "cause": browsing.filter.cause,
        "without_cause": browsing.address(cause=""),
        "offers_resends": State.FAILED in browsing.listing.states,
        "alerts": found_for(request.user, _alerts) if key == "failed" else [],
        **counted,
    }
    return live(request, "conversations/folder.html", LIVE, context)


def _alerts(user: User) -> QuerySet[Alert]:
    return Alert.objects.manageable_by(user).open().order_by("-number")


def _jobs(user: User) -> list[tuple[Action, BulkJob]]:
    """What is being done to many. Asked only where there is something."""
    latest = BulkJob.objects.under_way(user).select_related("by").order_by("-pk")
    return [(ACTIONS[each.action], each) for each in latest[:MOST_JOBS]]


def _counted(browsing: Browsing, known: Known) -> dict[str, Any]:
    """What stands around the list and what matches, with all numbers asked together."""
    counting = Counting()
    shown = around(counting, known, browsing.folder, browsing)
    [matching] = [
        each["count"] for each in shown["lists"] if each["listing"] is browsing.listing
    ]
    # Of one member all are counted like that already.
    whose = {"member"} if browsing.filter.member else set()
    if browsing.filter.values.keys() - whose:
        matching = (
            browsing.count(counting, with_ids=True) if browsing.can_be_counted else None
        )
    under_way = counting.theirs(browsing.user, BulkJob.objects.under_way)
    counting.count()
    jobs = _jobs(browsing.user) if under_way else []
    return {**shown, "matching": matching, "jobs": jobs}
