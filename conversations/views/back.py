from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from deliveryportal.accounts.access import UserRequest


def came_from(request: UserRequest) -> str:
    """Where the person came from by `?next=`, if that is a page of ours; else nothing."""
    url = request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if ours and url.startswith("/") else ""


def back_of(request: UserRequest, otherwise: str = "") -> str:
    """Likewise; without that By cause, narrowed to the member whom the address names."""
    return came_from(request) or otherwise or _by_cause(request.GET.get("member", ""))


def with_back(url: str, back: str) -> str:
    return f"{url}?{urlencode({'next': back})}"


def _by_cause(member: str) -> str:
    url = reverse("conversations:causes")
    return f"{url}?{urlencode({'member': member})}" if member.isdecimal() else url
