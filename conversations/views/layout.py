from __future__ import annotations

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from channels.whole_numbers import whole_number
from conversations.lists.browsing import Browsing
from conversations.lists.columns import USUAL_ROWS, keep_layout
from deliveryportal.accounts.access import UserRequest


@require_POST
def keep(request: UserRequest, key: str) -> HttpResponse:
    """Remember the columns and the rows on a page of a tab."""
    browsing = Browsing.of(request.user, key, QueryDict(request.POST.get("query", "")))
    if browsing is None:
        raise Http404("There is no such list.")
    rows = request.POST.get("rows", "")
    keep_layout(
        request.user,
        key,
        request.POST.getlist("column"),
        whole_number(rows, otherwise=USUAL_ROWS),
    )
    return redirect(browsing.url)
