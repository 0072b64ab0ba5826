from __future__ import annotations

from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import localdate
from django.views.decorators.http import require_safe

from conversations.lists.exporting import csv_lines
from conversations.triage.actions import EXPORT
from conversations.triage.preview import preview_of_file
from conversations.triage.scope import Scope
from conversations.views.back import back_of
from conversations.views.chosen import chosen
from deliveryportal.accounts.access import UserRequest


@require_safe
def export(request: UserRequest) -> HttpResponse:
    """Show what the file of what was chosen will have, and offer it."""
    found = chosen(request, preview_of_file)
    if found is None:
        return redirect(back_of(request))
    _, foreseen = found
    return render(
        request,
        "conversations/export.html",
        {
            "action": EXPORT,
            "preview": foreseen,
            "query": request.GET.urlencode(),
            "back": back_of(request),
        },
    )


@require_safe
def file(request: UserRequest) -> HttpResponseBase:
    """What was chosen one by one, or all that a list matches."""
    scope = Scope.from_query(request.GET)
    browsing = scope.browsing(request.user) if scope else None
    if scope is None or (browsing and browsing.filter.problems):
        # The preview says what is wrong.
        return redirect(f"{EXPORT.url}?{request.GET.urlencode()}")
    deliveries = scope.deliveries(request.user)
    if browsing is None and not deliveries.exists():
        raise Http404("There is no such delivery, and no such list.")
    of_list = [browsing.folder.key, browsing.listing.key] if browsing else ["chosen"]
    name = "-".join(filter(None, [*of_list, str(localdate())]))
    return StreamingHttpResponse(
        csv_lines(deliveries, request.user.zone),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
