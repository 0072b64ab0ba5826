from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from channels.transports import labels_of_kinds
from conversations.lists.filtering import Known
from conversations.models import Alert
from conversations.views.around import LIVE_EVERYWHERE, around_page
from conversations.views.live import is_refresh, live
from conversations.watching.causes import causes_for
from conversations.watching.normal import RULE
from conversations.watching.overview import (
    NEWEST,
    SPANS,
    USUAL_SPAN,
    domains,
    is_being_counted,
    members,
    pictures,
)
from conversations.watching.pictures import share
from deliveryportal.accounts.access import UserRequest, manager_required

MOST_CAUSES = 8
LIVE = {"live_refresh": "conversations/_refresh.html", **LIVE_EVERYWHERE}


@require_safe
@manager_required
def overview(request: UserRequest) -> HttpResponse:
    """The team's mail in pictures; `?when=` says of how many days.

    What refreshes by itself are the numbers around them.
    """
    context = around_page(Known(request.user), "overview")
    if not is_refresh(request):
        context |= _drawn(request)
    return live(request, "conversations/overview.html", LIVE, context)


def _drawn(request: UserRequest) -> dict[str, Any]:
    asked = request.GET.get("when", USUAL_SPAN)
    span = asked if asked in SPANS else USUAL_SPAN
    drawn = pictures(request.user, span)
    anything = any(picture.number for picture in drawn)
    causes = causes_for(request.user, MOST_CAUSES)
    most = max((cause.number for cause in causes.shown), default=0)
    known = members(request.user)
    return {
        "span": span,
        "spans": SPANS,
        "problem": asked if asked != span else "",
        "pictures": drawn,
        "anything": anything,
        "being_counted": not anything and is_being_counted(request.user),
        "untracked": labels_of_kinds(recording_bounces=False),
        "causes": causes,
        "cause_bars": [(cause, share(cause.number, most)) for cause in causes.shown],
        "domains": domains(request.user, span),
        "newest": NEWEST,
        "members": known,
        "standing_out": [each for each in known if each.stands_out],
        "rule": RULE,
        "alerts": list(
            Alert.objects.manageable_by(request.user).open().order_by("-number")
        ),
    }
