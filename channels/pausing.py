"""A channel that stopped working rests until somebody has mended it."""

from __future__ import annotations

import logging

from django.db import transaction
from django.dispatch import Signal
from django.utils.timezone import now

from channels.models import Channel

logger = logging.getLogger(__name__)

# Sent inside the transaction that resumed a paused channel, or connected one again, with
# `channel`: what waited for it may go now.
mended = Signal()


def pause(channel: Channel, because: str) -> bool:
    """Let a broken channel's mail wait until a person has mended it.

    Returns whether it was paused now. The installation's own channels have no
    owner to mend them: they are tried again and again instead.
    """
    if channel.owner_id is None and channel.team_id is None:
        return False
    # Not one that was connected again while this answer was on its way.
    paused = Channel.objects.working().filter(
        pk=channel.pk, connected_at=channel.connected_at
    )
    if not paused.update(
        health=Channel.Health.PAUSED, paused_because=because, paused_at=now()
    ):
        return False
    logger.warning("Channel %s is paused: %r", channel.uuid, because)
    return True


@transaction.atomic
def resume(channel: Channel) -> bool:
    """Let a paused channel's mail go; False if it was not paused.

    If it is still broken, the first mail pauses it again.
    """
    paused = Channel.objects.connected().filter(
        pk=channel.pk, health=Channel.Health.PAUSED
    )
    resumed = paused.update(
        health=Channel.Health.WORKING, paused_because="", paused_at=None
    )
    channel.health = Channel.Health.WORKING
    channel.paused_because, channel.paused_at = "", None
    if resumed:
        logger.warning("Channel %s is resumed", channel.uuid)
        mended.send(Channel, channel=channel)
    return bool(resumed)
