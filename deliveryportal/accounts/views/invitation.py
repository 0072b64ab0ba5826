from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from deliveryportal.accounts.adapter import INVITATION_KEY
from deliveryportal.accounts.models import Invitation


@login_not_required
@never_cache
@require_safe
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The link of an invitation: remember it, and lead to the sign-up.

    Following it uses nothing up: mail scanners open links before people do.
    """
    found = Invitation.objects.select_related("team").by_token(token)
    if found is None:
        return render(request, "accounts/invitation_gone.html", status=410)
    if request.user.is_authenticated:
        return render(
            request, "accounts/invitation_signed_in.html", {"team": found.team}
        )
    request.session[INVITATION_KEY] = token
    return redirect(f"{reverse('account_signup')}?{urlencode({'email': found.email})}")
