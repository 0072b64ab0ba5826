from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from deliveryportal.accounts.access import UserRequest

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
            "sessions": len(UserSession.objects.purge_and_list(request.user)),
        },
    )
