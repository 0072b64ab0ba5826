from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conversations.causes import causes_for
from conversations.models import Alert
from conversations.normal import RULE
from conversations.overview import (
    NEWEST,
    SPANS,
    USUAL_SPAN,
    domains,
    members,
    pictures,
    untracked,
)
from conversations.pictures import share
from conversations.views.tabs import tabs_around
from deliveryportal.accounts.access import UserRequest, manager_required

MOST_CAUSES = 8


@require_safe
@manager_required
def overview(request: UserRequest) -> HttpResponse:
    """The team's mail in pictures; `?when=` says of how many days."""
    asked = request.GET.get("when", USUAL_SPAN)
    span = asked if asked in SPANS else USUAL_SPAN
    drawn = pictures(request.user, span)
    causes = causes_for(request.user, MOST_CAUSES)
    most = max((cause.number for cause in causes.shown), default=0)
    known = members(request.user)
    return render(
        request,
        "conversations/overview.html",
        {
            "span": span,
            "spans": SPANS,
            "problem": asked if asked != span else "",
            "pictures": drawn,
            "anything": any(picture.number for picture in drawn),
            "untracked": untracked(),
            "causes": causes,
            "cause_bars": [
                (cause, share(cause.number, most)) for cause in causes.shown
            ],
            "domains": domains(request.user, span),
            "newest": NEWEST,
            "members": known,
            "standing_out": [each for each in known if each.stands_out],
            "rule": RULE,
            **tabs_around(request.user, "overview"),
            "alerts": list(
                Alert.objects.manageable_by(request.user).open().order_by("-number")
            ),
        },
    )
