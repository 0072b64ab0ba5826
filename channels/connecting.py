"""What follows once a channel is known to work, whatever its kind."""

from __future__ import annotations

from django.db import transaction
from django.dispatch import Signal
from django.utils.timezone import now

from channels.models import Channel, ChannelChoice
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User

# Sent inside the transaction that resumed a paused channel, with `channel`: what
# waited for it may go now.
mended = Signal()


@transaction.atomic
def connected(channel: Channel, *, by: User) -> None:
    """`by` has just connected `channel`, or connected it again.

    Mail that waited for it goes on. The first channel of their own that a person
    connects becomes their choice; connecting another one changes no choice.
    """
    channel.connected_at = now()
    channel.save(update_fields=["connected_at"])
    if channel.owner_id == by.pk:
        ChannelChoice.objects.get_or_create(user=by, defaults={"channel": channel})
    resume(channel)
    record(
        Area.CREDENTIALS,
        "Connected the delivery channel",
        channel,
        by=by,
        **channel.of_the_log,
    )


@transaction.atomic
def resume(channel: Channel) -> None:
    """A person has mended the channel: it works again."""
    paused = Channel.objects.filter(pk=channel.pk, health=Channel.Health.PAUSED)
    mended_now = paused.update(
        health=Channel.Health.WORKING, paused_because="", paused_at=None
    )
    channel.health = Channel.Health.WORKING
    channel.paused_because, channel.paused_at = "", None
    if mended_now:
        mended.send(Channel, channel=channel)
