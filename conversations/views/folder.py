from __future__ import annotations

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from channels.database.personal import found_for
from conversations.lists.browsing import Browsing
from conversations.lists.columns import COLUMNS, layout_of, offered
from conversations.lists.counting import Counting
from conversations.lists.filtering import Known
from conversations.lists.finding import find
from conversations.lists.rows import rows_of
from conversations.models import Alert, BulkJob
from conversations.models.state import State
from conversations.triage.actions import ACTIONS, Action, offers_in
from conversations.views.around import LIVE_LIST, around
from conversations.views.live import is_refresh, live
from conversations.views.pages import shown_of
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import User

MOST_JOBS = 5


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
    counting = Counting()
    shown = around(counting, known, browsing.folder, browsing)
    [whole] = [
        each["count"] for each in shown["lists"] if each["listing"] is browsing.listing
    ]
    under_way = counting.theirs(request.user, BulkJob.objects.under_way)
    # What is left out at first, the page asks for as soon as it is there. A saved search
    # is counted anyway.
    counted = is_refresh(request) or any(each["current"] for each in shown["searches"])
    found = find(browsing, layout, counting, whole, to_be_counted=counted)
    page = found.page
    for each in shown["searches"]:
        if each["current"]:  # the one number that the page tells
            each["count"] = found.matching
    columns = [each for each in COLUMNS if each.key in layout.columns]
    context = {
        **shown_of(browsing, page, layout, columns),
        "acts": offers_in(browsing.folder.key, browsing.listing.key),
        "body": rows_of(
            page.rows,
            [each.key for each in columns],
            waiting=key == "pending",
            # To the whole tab a message leads by itself, wherever it stands by then.
            back=browsing.here if browsing.here != browsing.path else "",
        ),
        "offered": offered(request.user),
        "cause": browsing.filter.cause,
        "without_cause": browsing.address(cause=""),
        "offers_resends": State.FAILED in browsing.listing.states,
        "alerts": found_for(request.user, _alerts) if key == "failed" else [],
        "matching": found.matching,
        "is_estimate": found.is_estimate,
        "jobs": _jobs(request.user) if under_way else [],
        **shown,
    }
    return live(request, "conversations/folder.html", LIVE_LIST, context)


def _alerts(user: User) -> QuerySet[Alert]:
    return Alert.objects.manageable_by(user).open().order_by("-number")


def _jobs(user: User) -> list[tuple[Action, BulkJob]]:
    """What is being done to many. Asked only where there is something."""
    latest = BulkJob.objects.under_way(user).select_related("by").order_by("-pk")
    return [(ACTIONS[each.action], each) for each in latest[:MOST_JOBS]]
