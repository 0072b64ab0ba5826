from __future__ import annotations

from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from deliveryportal.accounts.access import UserRequest


def back_of(request: UserRequest) -> str:
    """Where the person came from by `?next=`, if that is a page of ours; else By cause."""
    url = request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if ours and url.startswith("/") else reverse("conversations:causes")
