"""Mail that has not failed, but waits until somebody mends its channel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from channels.models import Channel
from conversations.models import Delivery
from conversations.models.state import State
from deliveryportal.accounts.models import User

# The words of a server that refused the credentials, rather than anything else.
SIGN_IN = re.compile(r"\b53[0-5]\b|authenti|password|credential|invalid_grant", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldUp:
    """What waits for one channel."""

    channel: Channel
    title: str
    words: str  # of the server that refused
    number: int
    since: datetime
    may_mend: bool


def held_up(user: User, member: User | None = None) -> list[HeldUp]:
    """What waits for each paused channel, of what the user may see.

    Or only of what a member wrote.
    """
    rows = (
        Delivery.objects.visible_to(user, member)
        .unarchived()
        .filter(state=State.QUEUED, channel__health=Channel.Health.PAUSED)
        .order_by()
        .values_list("channel")
        .annotate(Count("pk"), Min("created_at"))
    )
    found = {pk: (number, since) for pk, number, since in rows}
    if not found:
        return []
    mendable = set(Channel.objects.kept_by(user).values_list("pk", flat=True))
    return [
        _held_up(channel, *found[channel.pk], may_mend=channel.pk in mendable)
        for channel in Channel.objects.connected().filter(pk__in=found)
    ]


def _held_up(
    channel: Channel, number: int, since: datetime, *, may_mend: bool
) -> HeldUp:
    name = channel.known_as
    refused = SIGN_IN.search(channel.paused_because)
    return HeldUp(
        channel=channel,
        title=f"{_secret(channel)} of {name} was refused"
        if refused
        else f"{name} stopped working",
        words=channel.paused_because,
        number=number,
        since=channel.paused_at or since,
        may_mend=may_mend,
    )


def _secret(channel: Channel) -> str:
    return "Consent" if channel.transport_class.oauth_provider else "Password"
