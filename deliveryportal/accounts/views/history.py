from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from deliveryportal.accounts.access import UserRequest, manager_required
from deliveryportal.accounts.models import AuditEntry

ROWS = 50


@require_safe
@manager_required
def history(request: UserRequest) -> HttpResponse:
    """Who changed what in the team, newest first.

    `?area=` and `?member=` narrow it, `?before=` is where an older page begins.
    """
    area, member, before = (
        request.GET.get(name, "") for name in ("area", "member", "before")
    )
    entries = AuditEntry.objects.readable_by(request.user).order_by("-pk")
    if area in AuditEntry.Area:
        entries = entries.filter(area=area)
    if _number(member):
        entries = entries.filter(actor=_number(member))
    if _number(before):
        entries = entries.filter(pk__lt=_number(before))
    found = list(entries[: ROWS + 1])
    context = {
        "team": request.user.team,
        "entries": found[:ROWS],
        "older": found[ROWS - 1].pk if len(found) > ROWS else None,
        "before": before,
        "area": area,
        "member": member,
        "areas": AuditEntry.Area.choices,
        "members": request.user.team.members.order_by("name", "pk"),
    }
    return render(request, "accounts/history.html", context)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
