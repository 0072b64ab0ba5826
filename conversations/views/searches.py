from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from conversations.lists import searches
from conversations.lists.browsing import Browsing
from conversations.lists.folders import FOLDERS
from conversations.lists.searches import SearchError
from conversations.models import SavedSearch
from deliveryportal.accounts.access import UserRequest


@require_POST
def save(request: UserRequest, key: str) -> HttpResponse:
    browsing = Browsing.of(request.user, key, QueryDict(request.POST.get("query", "")))
    if browsing is None:
        raise Http404("There is no such list.")
    try:
        search = searches.keep(
            browsing, request.POST.get("name", ""), shared="shared" in request.POST
        )
    except SearchError as error:
        messages.error(request, f"The search was not saved. {error}")
    else:
        only = (
            " Only managers see it, because it narrows to one person’s mail."
            if search.shared and browsing.filter.names_somebody
            else ""
        )
        messages.success(request, f"Saved as “{search}”.{only}")
    return redirect(browsing.url)


@require_POST
def remove(request: UserRequest, pk: int) -> HttpResponse:
    search = get_object_or_404(SavedSearch.objects.shown_to(request.user), pk=pk)
    if not search.may_be_removed_by(request.user):
        raise PermissionDenied("Only managers remove what the team shares.")
    searches.remove(search, by=request.user)
    messages.success(request, f"“{search.name}” was removed. The mail in it was not.")
    tab = FOLDERS.get(search.tab, FOLDERS["sent"])
    return redirect(tab.url)
