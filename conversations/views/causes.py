from __future__ import annotations

from django.http import HttpResponse, QueryDict
from django.views.decorators.http import require_safe

from conversations.causes import AT_FIRST, AT_MOST, causes_for, held_for, number_decided
from conversations.filtering import Filter, Known
from conversations.models.state import Triage
from conversations.views.live import live
from conversations.views.tabs import tabs_around
from deliveryportal.accounts.access import UserRequest


@require_safe
def causes(request: UserRequest) -> HttpResponse:
    """Failed deliveries by cause, the worst first; `?all=1` shows the smallest too.

    `?member=` narrows it as it does a list.
    """
    user, known = request.user, Known(request.user)
    whose = QueryDict(mutable=True)
    whose["member"] = request.GET.get("member", "")
    seen = Filter.from_query(whose, user, known)
    at_most = AT_MOST if request.GET.get("all") else AT_FIRST
    # Above the part that refreshes itself: not asked for with that.
    above = (
        {}
        if request.htmx
        else {
            **tabs_around(user, "causes", "failed", seen.member),
            "members": known.members.values(),
        }
    )
    return live(
        request,
        "conversations/causes.html",
        {"live_part": "conversations/_causes.html"},
        {
            **above,
            "filter": seen,
            "all": at_most == AT_MOST,
            "causes": causes_for(user, at_most, member=seen.member),
            "held": held_for(user, seen.member),
            "waiting": number_decided(user, Triage.WAITING, seen.member),
        },
    )
