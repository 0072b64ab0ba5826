from __future__ import annotations

from django.http import HttpResponse, QueryDict
from django.views.decorators.http import require_safe

from conversations.lists.filtering import Filter, Known
from conversations.models.state import Triage
from conversations.views.around import LIVE_AROUND, around_page
from conversations.views.live import live
from conversations.watching.cause_cards import cards_of
from conversations.watching.causes import (
    AT_FIRST,
    AT_MOST,
    causes_for,
    number_decided,
)
from conversations.watching.held_up import held_up
from deliveryportal.accounts.access import UserRequest

CAUSES = {"live_part": "conversations/_causes.html"}
NO_CAUSES = {"live_refresh": "conversations/_refresh.html"}


@require_safe
def causes(request: UserRequest) -> HttpResponse:
    """Failed deliveries by cause, the worst first; `?all=1` shows the smallest too.

    `?member=` narrows it as it does a list.
    """
    user, known = request.user, Known(request.user)
    whose = QueryDict(mutable=True)
    whose["member"] = request.GET.get("member", "")
    seen = Filter.from_query(whose, user, known)
    all_of_them = bool(request.GET.get("all"))
    at_most = AT_MOST if all_of_them else AT_FIRST
    found = causes_for(user, at_most, member=seen.member)
    return live(
        request,
        "conversations/causes.html",
        (NO_CAUSES if seen.problems else CAUSES) | LIVE_AROUND,
        {
            **around_page(known, "causes", "failed", seen.member),
            # Above what refreshes itself: not asked for with that.
            "members": [] if request.htmx else known.members.values(),
            "filter": seen,
            "all": all_of_them,
            "causes": found,
            "cards": cards_of(
                found.shown, request.get_full_path() if all_of_them else ""
            ),
            "held_up": held_up(user, seen.member),
            "waiting": number_decided(user, Triage.WAITING, seen.member),
        },
    )
