from __future__ import annotations

from django.db import transaction

from channels.models import Channel, ChannelChoice, EmailIdentity
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User


@transaction.atomic
def pick(user: User, channel: Channel) -> None:
    """Let the user's mail leave by `channel` from now on; what is queued stays."""
    ChannelChoice.objects.update_or_create(user=user, defaults={"channel": channel})
    record(Area.SETTINGS, "Chose the delivery channel", channel, by=user)


def after_picking(user: User, channel: Channel) -> str:
    """Say which mail leaves by the channel that the user has picked, and which does not."""
    chosen = EmailIdentity.objects.of(user).exclude(channel=None)
    apart = [
        f"{each.address} ({each.channel})"
        for each in chosen.exclude(channel=channel).select_related("channel")
        if each.channel and each.channel.may_be_used_by(user)
    ]
    words = [
        f"What you write from now on leaves by {channel}."
        if channel.is_working
        else f"What you write from now on waits until {channel} is mended.",
        "What waits already keeps the channel it was written for.",
    ]
    if apart:
        words.append(
            "An email identity with a channel of its own keeps that: "
            f"{', '.join(apart)}."
        )
    return " ".join(words)
