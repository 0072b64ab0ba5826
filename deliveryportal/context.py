from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def portal(request: HttpRequest) -> dict[str, Any]:
    """What every page's frame shows."""
    return {"practice": settings.PRACTICE, "portal_domain": settings.PORTAL_DOMAIN}
