"""How far to look ahead in a lane: what a turn lately had time for.

Looking ahead reads whole letters. Where the far end is slow, or the machine busy, most
of a full batch would be read in vain.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from channels.models import Channel

# Of the channels that do not get through a full batch in a turn, in this process.
_fitting: dict[UUID, int] = {}


def fitting(channel: Channel) -> int:
    return min(settings.LANE_BATCH, _fitting.get(channel.uuid, settings.LANE_BATCH))


def learn(channel: Channel, read: int, done: int) -> None:
    """Read less after a turn that was over before its batch, more after any other."""
    # Twice what went, so that the next turn can show that it has time for more.
    fits = max(2 * done, 10) if done < read else 2 * read
    if fits < settings.LANE_BATCH:
        _fitting[channel.uuid] = fits
    else:
        _fitting.pop(channel.uuid, None)
