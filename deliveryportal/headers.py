"""Headers of answers that one setting for all pages cannot say."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control

Handler = Callable[[HttpRequest], HttpResponse]

# Unfold's pages carry scripts and styles inline, and Alpine evaluates attributes.
# Nobody but admins comes there, and no page there shows formatted mail.
IN_DJANGO_ADMIN = {
    "script-src": [SELF, UNSAFE_INLINE, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "frame-ancestors": [SELF],  # its pop-ups
    "base-uri": [NONE],
}
NO_DEVICES = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"


def looser_in_django_admin(get_response: Handler) -> Handler:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith(reverse("admin:index")):
            response._csp_replace = IN_DJANGO_ADMIN  # type: ignore[attr-defined]
        return response

    return middleware


def without_devices(get_response: Handler) -> Handler:
    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", NO_DEVICES)
        return response

    return middleware


def kept_nowhere(get_response: Handler) -> Handler:
    """Let no browser keep a signed-in person's page, unless the page says otherwise.

    So Back asks for it again: it shows what became of the mail by now, and once they
    have signed out it shows no mail at all."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.user.is_authenticated and "Cache-Control" not in response:
            patch_cache_control(response, private=True, no_store=True)
        return response

    return middleware
