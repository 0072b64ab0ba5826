from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme

from deliveryportal.accounts.adapter import MailNotSentError


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


class SignInFirst(LoginRequiredMiddleware):
    """Say what became of a form that came after its session had ended: nothing."""

    def handle_no_permission(
        self, request: HttpRequest, view_func: Callable[..., Any]
    ) -> HttpResponseRedirect:
        if request.method in {"GET", "HEAD"}:
            return super().handle_no_permission(request, view_func)
        if request.headers.get("HX-Request") != "true":
            messages.warning(
                request,
                "You were signed out meanwhile, so nothing was sent or changed. Sign in "
                "and do it once more. A message you were writing is in your drafts, as "
                "it was last saved.",
            )
        return redirect_to_login(_page_of_the_form(request))


def _page_of_the_form(request: HttpRequest) -> str:
    """Where it stood. What it was posted to may have no page to come back to."""
    page = request.headers.get("Referer", "")
    if url_has_allowed_host_and_scheme(page, allowed_hosts={request.get_host()}):
        parts = urlsplit(page)
        return parts._replace(scheme="", netloc="").geturl() or "/"
    return resolve_url(settings.LOGIN_REDIRECT_URL)


class MailThatDidNotLeave:
    """Say so where a page was to tell people to wait for it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        if not isinstance(exception, MailNotSentError):
            return None
        return render(request, "account/mail_not_sent.html", status=503)


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
