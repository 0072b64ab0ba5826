from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils import timezone


def signed_out_htmx(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Send a page that refreshes itself after its session has ended to sign in.

    A redirect would be followed inside htmx, and the sign-in page would stand in
    the middle of the list.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        asked_by_htmx = request.headers.get("HX-Request") == "true"
        login = resolve_url(settings.LOGIN_URL)
        if asked_by_htmx and response.headers.get("Location", "").startswith(login):
            return HttpResponse(headers={"HX-Refresh": "true"})
        return response

    return middleware


def in_the_users_time_zone(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Show every time as the clock on the visitor's wall does."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return get_response(request)
        with timezone.override(request.user.zone):
            return get_response(request)

    return middleware
