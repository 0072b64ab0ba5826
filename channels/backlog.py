"""The mail that stands behind a channel.

Channels know nothing of messages; who does, answers the signal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.dispatch import Signal

from channels.models import Channel
from deliveryportal.accounts.models import User

# Sent with `channel` and `user`; a receiver returns a `Backlog`.
backlog_asked = Signal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What a user's mail has to do with a channel now.

    `waiting` of theirs wait for it; the first may be tried at `first`, the last at
    `last`. `failed` of those they may see failed while it did not work, and can be
    sent again by posting to `resend_url`.
    """

    waiting: int = 0
    first: datetime | None = None
    last: datetime | None = None
    failed: int = 0
    resend_url: str = ""


def backlog_of(channel: Channel, user: User) -> Backlog:
    """Return what there is behind the channel; nothing, if nobody knows of any."""
    answers: list[tuple[Any, Any]] = backlog_asked.send(
        Channel, channel=channel, user=user
    )
    return next((backlog for _, backlog in answers), Backlog())
