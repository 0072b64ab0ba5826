"""Counting how often lanes have begun to rest for a limit, for /metrics."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from channels.allowance import rest_began
from channels.models import Channel
from conversations.models import Total


@receiver(rest_began)
def count(channel: Channel, **kwargs: Any) -> None:
    """Runs in the transaction that notes the rest, so each rest is counted once."""
    Total.add("waits", channel.kind, 1)
