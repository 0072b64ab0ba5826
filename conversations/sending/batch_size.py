"""How many deliveries a lane reads ahead: about as many as a turn lately had time for.

Each is read with its letter, unless that is long. Where the remote server is slow, or
this machine busy, most of a full batch would be read in vain.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings

from channels.models import Channel

# The batch sizes of channels that do not get through a full batch in a turn, as learnt
# by this process.
_fitting: dict[UUID, int] = {}


def fitting(channel: Channel) -> int:
    return min(settings.LANE_BATCH, _fitting.get(channel.uuid, settings.LANE_BATCH))


def learn(channel: Channel, read: int, done: int) -> None:
    """Read less next time if the turn ended before the batch; else twice as much."""
    # Twice what went, so that the next turn can show that it has time for more.
    fits = max(2 * done, 10) if done < read else 2 * read
    if fits < settings.LANE_BATCH:
        _fitting[channel.uuid] = fits
    else:
        _fitting.pop(channel.uuid, None)
