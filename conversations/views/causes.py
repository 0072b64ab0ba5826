from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from conversations.causes import AT_FIRST, AT_MOST, causes_for, held_for, number_decided
from conversations.models.state import Triage
from conversations.views.around import LIVE_AROUND, around_page
from conversations.views.live import live
from deliveryportal.accounts.access import UserRequest


@require_safe
def causes(request: UserRequest) -> HttpResponse:
    """Failed deliveries by cause, the worst first; `?all=1` shows the smallest too."""
    found = causes_for(request.user, AT_MOST if request.GET.get("all") else AT_FIRST)
    return live(
        request,
        "conversations/causes.html",
        {"live_part": "conversations/_causes.html", **LIVE_AROUND},
        {
            **around_page(request.user, "causes", "failed"),
            "causes": found,
            "held": held_for(request.user),
            "waiting": number_decided(request.user, Triage.WAITING),
        },
    )
