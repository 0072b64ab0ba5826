from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conversations.resending import offers_for
from deliveryportal.accounts.access import UserRequest


@require_safe
def offers(request: UserRequest) -> HttpResponse:
    """What may be sent again since its channel works.

    Part of a page, fetched by it: to find that takes longer than the whole list, which
    need not wait for it.
    """
    found = {"offers": offers_for(request.user)}
    return render(request, "conversations/_offers.html", found)
