from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    """What every page's frame shows, and what the pages of the entrance ask."""
    return {
        "practice": settings.PRACTICE,
        "portal_domain": settings.PORTAL_DOMAIN,
        "may_sign_up": lambda: get_adapter(request).is_open_for_signup(request),
    }
