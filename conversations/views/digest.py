from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from conversations.watching.digesting import manager_of
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User


# Mail programs post here by themselves (RFC 8058): the link's signature is the proof.
@csrf_exempt
@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def switch_off(request: HttpRequest, token: str) -> HttpResponse:
    """The link in each digest. Opening it changes nothing: mail scanners do that too."""
    manager = manager_of(token)
    if manager and request.method == "POST":
        _switch_off(manager)
    return render(
        request,
        "conversations/digest_off.html",
        {"known": manager is not None, "done": request.method == "POST"},
        status=200 if manager else 404,
    )


@transaction.atomic
def _switch_off(manager: User) -> None:
    if User.objects.filter(pk=manager.pk, daily_digest=True).update(daily_digest=False):
        record(Area.SETTINGS, "Switched the daily digest off", by=manager)
