from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.utils.timezone import localdate
from django.views.decorators.http import require_safe

from conversations.browsing import Browsing
from conversations.exporting import csv_lines
from deliveryportal.accounts.access import UserRequest


@require_safe
def export(request: UserRequest, key: str) -> HttpResponseBase:
    """Everything that matches the address, as a file."""
    browsing = Browsing.of(request.user, key, request.GET)
    if browsing is None:
        raise Http404("There is no such list.")
    if browsing.filter.problems:
        messages.error(request, "Nothing was exported: the filter makes no sense.")
        return redirect(browsing.url)
    name = "-".join(filter(None, [key, browsing.listing.key, str(localdate())]))
    return StreamingHttpResponse(
        csv_lines(browsing.everything(), request.user.zone),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )
