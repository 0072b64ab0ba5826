"""Lanes take turns: whose comes, who waits for a far end, who has been forgotten.

The deliveries say what is due; the notes here only keep the queue from filling with
the same lane, so that nobody stands behind ten thousand announcements of one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable
from datetime import timedelta
from operator import attrgetter
from typing import NamedTuple

from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils.timezone import now

from channels.far_ends import session
from channels.models import Channel
from conversations.delivering import deliver_lane
from conversations.models import Lane
from conversations.models.by_hand import (
    Rows,
    Sql,
    insert_or_change,
    update_returning,
)
from conversations.sending.crowding import somebody_waits
from conversations.sending.stopping import stopping

logger = logging.getLogger(__name__)


class LaneId(NamedTuple):
    channel_id: int
    sender_id: int


# How long an announcement is believed to be in the queue, when it is the first, the
# second, … since a worker took one: a lost one is repeated, and a queue that nobody
# empties does not fill.
BELIEVED = [timedelta(seconds=seconds) for seconds in (5, 10, 20, 40, 80, 160, 600)]
# Whoever gives a session back calls who waits for it; this is for when they have died.
CALLED_WITHIN = timedelta(seconds=20)
# A lane that is announced goes before those that have just had a turn, as if it had waited
# for so long: one mail is not to wait for thousands of each of several others, nor they
# for whoever keeps sending one.
AHEAD = timedelta(seconds=2)
# Seconds that a worker stays with one host before lanes of others may have it, unless
# some wait in its own process. Asking the queue after each turn would cost a quarter of
# the time.
STAY = 1.0


def take_turn(lane: LaneId) -> list[LaneId]:
    """Work off the lane's turn, and then those of others that wait for its host.

    Returns whose turns are to be announced. If the host has no session left, the lane
    takes its place behind those who wait for one, and the worker is free.
    """
    # Before anything is read: what is queued from now on announces itself.
    Lane.objects.take_up(*lane)
    channel = Channel.objects.working_one(lane.channel_id)
    if channel is None:
        return []  # what waits is found again when the channel works, by the sweeper
    host = channel.far_end
    queued_up: list[LaneId] = []

    def queue_up() -> None:
        _queue_up(lane, host, ahead=AHEAD)
        queued_up.append(lane)

    with session(host, queue_up) as free:
        if not free:
            return []
        if queued_up:  # and has found a session after all
            _row(lane).update(waits_for="", not_again_before=now())
        rest = _take_turns(host, lane, channel)
    return [*_next_for(host), *rest]


def _take_turns(host: str, lane: LaneId, channel: Channel) -> list[LaneId]:
    """Let one lane after the other use a session of the host, the worker's time long.

    Returns the last one if it has more and may be announced at once.
    """
    ends = time.monotonic() + STAY
    more = deliver_lane(*lane, channel=channel)
    while time.monotonic() < ends and not (stopping.is_set() or somebody_waits()):
        waiting = _next_for(host)
        if not more and not waiting:
            return []
        if waiting:
            if more:
                _queue_up(lane, host)
            (lane,) = waiting
        # For another lane the channel is read anew: it may have broken meanwhile.
        more = deliver_lane(*lane, channel=None if waiting else channel)
    if more and Lane.objects.any_waits_for(host):
        # Behind those who wait for this session: announced, it would race with them.
        _queue_up(lane, host)
        return []
    return [lane] if more else []


def not_announced(lanes: Iterable[LaneId]) -> list[LaneId]:
    """Return those of which no announcement is in the queue; note that one is now."""
    at, found = now(), set(lanes)
    known = _notes_on(found)
    rows = []
    for lane in sorted(found):
        row = known.get(lane) or Lane(**lane._asdict(), not_again_before=at)
        # Believed for longer than ever: written before the clock was put back.
        if not at < row.not_again_before <= at + 2 * BELIEVED[-1]:
            row.not_again_before = at + BELIEVED[min(row.announced, len(BELIEVED) - 1)]
            row.announced = min(row.announced + 1, len(BELIEVED))
            rows.append(row)
    _keep(rows, "announced", "not_again_before")
    return [LaneId(row.channel_id, row.sender_id) for row in rows]


def announced(lane: LaneId) -> Sql:
    """Ask whether an announcement of it is in the queue: see `one_letter.enter`."""
    at = now()
    return Lane.told_of(*lane, after=at, until=at + 2 * BELIEVED[-1])


def were_not_announced(lanes: Collection[LaneId]) -> None:
    """The queue did not take them: the next who looks shall try again."""
    at, known = now(), _notes_on(lanes)
    rows = [known[lane] for lane in lanes if lane in known]
    for row in rows:
        row.not_again_before = at
    _keep(rows, "not_again_before")


def _notes_on(lanes: Collection[LaneId]) -> dict[LaneId, Lane]:
    if not lanes:
        return {}
    channels, senders = zip(*lanes, strict=True)
    noted = Lane.objects.noted(set(channels), set(senders))
    return {LaneId(row.channel_id, row.sender_id): row for row in noted}


def announce_all_again() -> None:
    """Let every due lane be announced anew: a worker has started.

    It may not find what was announced before: the queue has been emptied, or was in
    the memory of a process that has ended.
    """
    try:
        Lane.objects.filter(not_again_before__gt=now()).update(
            announced=0, not_again_before=now()
        )
    except DatabaseError as error:
        logger.error("Lanes are announced later than they could be: %r", str(error))


def _queue_up(lane: LaneId, host: str, *, ahead: timedelta = timedelta(0)) -> None:
    at = now()
    waiting = Lane(
        **lane._asdict(),
        waits_for=host,
        waits_since=at - ahead,
        not_again_before=at + CALLED_WITHIN,
    )
    _keep([waiting], "waits_for", "waits_since", "not_again_before")


def _next_for(host: str) -> list[LaneId]:
    """Take out the lane that has waited longest for the host."""
    for row in Lane.objects.waiting_longest(host):
        # Not one that another worker has just called.
        if update_returning(
            Lane,
            [row.pk],
            guards={"waits_for": host, "waits_since": row.waits_since},
            changes={"announced": 0, "waits_for": "", "not_again_before": now()},
        ):
            return [LaneId(row.channel_id, row.sender_id)]
    return []


def _row(lane: LaneId) -> QuerySet[Lane]:
    return Lane.objects.filter(channel=lane.channel_id, sender=lane.sender_id)


_KEPT = (
    "channel_id",
    "sender_id",
    "announced",
    "not_again_before",
    "waits_for",
    "waits_since",
)


def _keep(rows: list[Lane], *fields: str) -> None:
    if rows:
        new = Rows(Lane, _KEPT, list(map(attrgetter(*_KEPT), rows)))
        insert_or_change(new, ("channel_id", "sender_id"), *fields)
