"""Lanes take turns: which are announced, which wait for a session, which is next.

The deliveries say what is due. The `Lane` rows only keep one lane from filling the
queue, so that nobody waits behind ten thousand announcements of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import Error
from django.db.models import QuerySet
from django.utils.timezone import now

from channels.database.prepared import Sql
from channels.far_ends import session
from channels.models import Channel
from conversations.delivering import deliver_lane
from conversations.models import Lane
from conversations.models.by_hand import (
    Rows,
    insert_or_change,
    update_returning,
)
from conversations.sending.crowding import somebody_waits
from conversations.sending.stopping import stopping

logger = logging.getLogger(__name__)


class LaneId(NamedTuple):
    channel_id: int
    sender_id: int


# How long an announcement is believed to be in the queue: the first, the second, …
# since a worker last took the lane. So a lost one is repeated, but a queue that nobody
# empties does not fill.
BELIEVED = [timedelta(seconds=seconds) for seconds in (5, 10, 20, 40, 80, 160, 600)]
# Whoever frees a session calls the lane that waits longest. If that worker died, the
# sweeper announces the lane after this time.
CALLED_WITHIN = timedelta(seconds=20)
# A lane that comes from the queue waits as if it had begun this much earlier, so ahead
# of those that have just had a turn: one mail need not wait for thousands of several
# others, nor these for somebody who keeps sending one.
AHEAD = timedelta(seconds=2)
# Seconds that a worker thread stays with one host before it serves lanes of others;
# less if work waits in its own process. Going back to the queue after each turn would
# cost a quarter of the time.
STAY = 1.0


def take_turn(lane: LaneId) -> list[LaneId]:
    """Do the lane's turn, and then the turns of other lanes that wait for its host.

    Return the lanes to announce. If the host has no session left, the lane is noted as
    waiting for one, and the worker is free.
    """
    # Before anything is read: mail queued from now on announces the lane again.
    waited_since = Lane.objects.take_up(*lane)
    channel = Channel.objects.working_one(lane.channel_id)
    if channel is None:
        _waits_no_more(lane)
        return []  # once the channel works again, the sweeper finds what waits
    host = channel.far_end
    queued_up: list[LaneId] = []

    def queue_up() -> None:
        ahead = now() - AHEAD
        _queue_up(lane, host, since=min(waited_since or ahead, ahead))
        queued_up.append(lane)

    with session(host, queue_up) as free:
        if not free:
            return []
        if queued_up:  # it has found a session after all
            _row(lane).update(waits_for="", waits_since=None, not_again_before=now())
        elif waited_since:
            _waits_no_more(lane)
        rest = _take_turns(host, lane, channel)
    # Who is called keeps its place until it has a session: it may find none again.
    return [*_call_next(host), *rest]


def _take_turns(host: str, lane: LaneId, channel: Channel | None) -> list[LaneId]:
    """Let one lane after the other use the session of the host, for STAY seconds.

    Return the last one if it has more to send and may be announced at once.
    """
    ends = time.monotonic() + STAY
    more = _deliver(lane, channel)
    while time.monotonic() < ends and not (stopping.is_set() or somebody_waits()):
        waiting = _call_next(host, waits_since=None)
        if not more and not waiting:
            return []
        if waiting:
            if more:
                _queue_up(lane, host, since=now())
            (lane,) = waiting
            channel = None  # another lane's, to be read anew: it may have broken
        more = _deliver(lane, channel)
    if more and Lane.objects.any_waits_for(host):
        # It waits behind them; if it were announced, it would compete with them.
        _queue_up(lane, host, since=now())
        return []
    return [lane] if more else []


def _deliver(lane: LaneId, channel: Channel | None) -> bool:
    try:
        return deliver_lane(*lane, channel=channel)
    except Exception:
        # As if nobody had come to it: what is due shows as overdue, and is not announced
        # again at once.
        with suppress(Error):
            _row(lane).update(announced=2, not_again_before=now() + BELIEVED[1])
        raise


def not_announced(lanes: Iterable[LaneId]) -> list[LaneId]:
    """Return the lanes that are not in the queue, noted as announced from now on."""
    at, found = now(), set(lanes)
    known = _notes_on(found)
    rows = []
    for lane in sorted(found):
        row = known.get(lane) or Lane(**lane._asdict(), not_again_before=at)
        # A time further ahead than any we write is from before the clock was put back.
        if not at < row.not_again_before <= at + 2 * BELIEVED[-1]:
            row.not_again_before = at + BELIEVED[min(row.announced, len(BELIEVED) - 1)]
            row.announced = min(row.announced + 1, len(BELIEVED))
            rows.append(row)
    _keep(rows, "announced", "not_again_before")
    return [LaneId(row.channel_id, row.sender_id) for row in rows]


def announced(lane: LaneId) -> Sql:
    """SQL that asks whether the lane is in the queue; see `one_letter.enter`."""
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
    """Let every due lane be announced again, because a worker has started.

    Earlier announcements may be lost: the queue was emptied, or was in the memory of a
    process that has ended.
    """
    try:
        Lane.objects.filter(not_again_before__gt=now()).update(
            announced=0, not_again_before=now()
        )
    except Error as error:
        logger.error("Lanes are announced later than they could be: %r", str(error))


def _queue_up(lane: LaneId, host: str, *, since: datetime) -> None:
    waiting = Lane(
        **lane._asdict(),
        waits_for=host,
        waits_since=since,
        not_again_before=now() + CALLED_WITHIN,
    )
    _keep([waiting], "waits_for", "waits_since", "not_again_before")


def _call_next(host: str, **changes: Any) -> list[LaneId]:
    """Return the lane that has waited longest for the host, as waiting no more."""
    for row in Lane.objects.waiting_longest(host):
        # The guards fail if another worker has just called it.
        if update_returning(
            Lane,
            [row.pk],
            guards={"waits_for": host, "waits_since": row.waits_since},
            changes={
                "announced": 0,
                "waits_for": "",
                "not_again_before": now(),
                **changes,
            },
        ):
            return [LaneId(row.channel_id, row.sender_id)]
    return []


def _waits_no_more(lane: LaneId) -> None:
    # Unless another worker on the lane has just found no session.
    _row(lane).filter(waits_for="").update(waits_since=None)


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
