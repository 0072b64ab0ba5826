from __future__ import annotations

import logging

from django.utils.timezone import now

from channels.models import Channel

logger = logging.getLogger(__name__)


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


def try_again(channel: Channel) -> bool:
    """Let a paused channel's mail go as it is set up; False if it was not paused.

    If it is still broken, the first mail pauses it again.
    """
    paused = Channel.objects.connected().filter(
        pk=channel.pk, health=Channel.Health.PAUSED
    )
    if not paused.update(
        health=Channel.Health.WORKING, paused_because="", paused_at=None
    ):
        return False
    logger.warning("Channel %s is tried again", channel.uuid)
    return True
