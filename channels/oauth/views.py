from __future__ import annotations

from typing import NoReturn

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.providers.base.utils import respond_to_login_on_get
from allauth.socialaccount.views import connections as allauth_connections
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_safe

from channels.connecting import after_connecting, mends
from channels.oauth.consent import ConsentError, ask, receive
from channels.oauth.keeping import GrantRefusedError, keep
from channels.transports import Transport, all_transports


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def begin(request: HttpRequest, provider: str) -> HttpResponse:
    """Lead to the consent page: `?process=connect`, or to sign in where that is on."""
    _, transport = _kind(provider)
    if request.GET.get("process") != "connect":
        return _sign_in(request, provider)
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not request.user.is_authenticated:
        return redirect("account_login")
    return ask(request, transport)


@login_not_required
@require_safe
def finish(request: HttpRequest, provider: str) -> HttpResponse:
    """Take up who comes back from the consent page."""
    kind, _ = _kind(provider)
    try:
        grant = receive(request, provider)
        if not grant.is_for_a_channel:
            signed_in: HttpResponse = complete_social_login(request, grant.login)
            return signed_in
        if request.user.is_authenticated:
            mended = mends(kind, user=request.user)
            channel = keep(grant, kind=kind, by=request.user)
            follows = after_connecting(channel, user=request.user, mended=mended)
            messages.success(
                request, f"{channel} is connected as {channel.address}. {follows}"
            )
    except (ConsentError, GrantRefusedError) as error:
        messages.error(request, str(error))
    # Whoever is not signed in any more is led to the sign-in from there.
    return redirect("settings:channel")


@login_not_required
def by_token(request: HttpRequest, provider: str) -> NoReturn:
    """allauth's sign-in by a token that a script of Google's fetches: not offered."""
    raise Http404("This is not a way to sign in.")


def connections(request: HttpRequest) -> HttpResponse:
    """allauth's page of ways to sign in, where there are any."""
    if not settings.SIGN_IN_PROVIDERS:
        return redirect("settings:channel")
    page: HttpResponse = allauth_connections(request)
    return page


def _kind(provider: str) -> tuple[str, type[Transport]]:
    """Return the kind of channel the provider connects; 404 if it can connect none."""
    for kind, transport in all_transports().items():
        if transport.oauth_provider == provider and not transport.unavailable(
            transport.from_installation(settings)
        ):
            return kind, transport
    raise Http404("Nothing can be connected there.")


def _sign_in(request: HttpRequest, provider_id: str) -> HttpResponse:
    if provider_id not in settings.SIGN_IN_PROVIDERS:
        raise Http404("This is not a way to sign in.")
    provider = get_adapter(request).get_provider(request, provider_id)
    page: HttpResponse = respond_to_login_on_get(
        request, provider
    ) or provider.redirect_from_request(request)
    return page
