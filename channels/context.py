from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from channels.database.personal import found_for
from channels.models import Channel


def broken_channels(request: HttpRequest) -> dict[str, Any]:
    """The channels that every page of their owner says have stopped working."""
    user = getattr(request, "user", None)
    if not getattr(user, "is_authenticated", False):
        return {}
    return {
        "broken_channels": SimpleLazyObject(
            lambda: found_for(user, Channel.objects.broken_for)  # type: ignore[arg-type]
        )
    }
