from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.devices import device_of
from deliveryportal.accounts.ending_sessions import end

Type = Authenticator.Type


@require_safe
def security(request: UserRequest) -> HttpResponse:
    """How one signs in and where one is signed in; the pages behind are allauth's."""
    ways = [
        each.type
        for each in Authenticator.objects.filter(user=request.user).only("type")
    ]
    return render(
        request,
        "accounts/security.html",
        {
            "app": Type.TOTP in ways,
            "passkeys": ways.count(Type.WEBAUTHN),
            "recovery_codes": Type.RECOVERY_CODES in ways,
            "sessions": [
                (each, device_of(each.user_agent))
                for each in UserSession.objects.purge_and_list(request.user)
            ],
        },
    )


@require_POST
def end_session(request: UserRequest, pk: int) -> HttpResponse:
    """Sign oneself out in one browser, the one that was lost, say."""
    session = get_object_or_404(UserSession, pk=pk, user=request.user)
    end([session])
    device = device_of(session.user_agent)
    messages.success(request, f"{device} is signed out: it is asked for the password.")
    return redirect("accounts:security")
