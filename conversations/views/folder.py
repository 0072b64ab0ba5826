from __future__ import annotations

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from conversations.folders import FOLDERS, counts_for
from conversations.models import Delivery
from conversations.resending import offers_for
from conversations.views.live import live
from deliveryportal.accounts.access import UserRequest

ROWS = 50


@require_safe
def folder(request: UserRequest, key: str) -> HttpResponse:
    """One tab of Conversations; `?list=` narrows it. htmx asks for the live part."""
    listing = FOLDERS[key].listing(request.GET.get("list", ""))
    if listing is None:
        raise Http404("There is no such list.")
    deliveries = listing.of(Delivery.objects.visible_to(request.user).unarchived())
    page = Paginator(deliveries.for_list(), ROWS).get_page(request.GET.get("page"))
    counts = counts_for(request.user)
    return live(
        request,
        "conversations/folder.html",
        "conversations/_folder.html",
        {
            "folder": FOLDERS[key],
            "listing": listing,
            "page": page,
            "offers": offers_for(request.user)
            if Delivery.State.FAILED in listing.states
            else [],
            "tabs": [
                {"folder": each, "count": counts.get((each.key, ""), 0)}
                for each in FOLDERS.values()
            ],
            "lists": [
                {"listing": each, "count": counts.get((key, each.key), 0)}
                for each in (FOLDERS[key].everything, *FOLDERS[key].lists)
            ],
        },
    )
