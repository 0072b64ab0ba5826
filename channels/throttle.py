"""How much one user may send now on one channel. Pure.

Two limits: N messages in any M seconds, and a number in any 24 hours. The first is
kept to the second by remembering when what was sent; the second by the hour, an
hour counting until its end is 24 hours ago, so that it is never exceeded.

What is being sent may leave at any moment. It counts as if it left at the last one
possible, which is to come, until it is known when it had gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from channels.transports import Pace

HOUR = 3600
DAY = 24 * HOUR
FORESEEN = timedelta(days=30)

Sent = list[tuple[float, int]]  # (seconds since the epoch, number of messages)


@dataclass(frozen=True, slots=True)
class Room:
    """`number` messages may go now; if that is none, at `until`, `because` of a limit."""

    number: int
    until: datetime | None = None
    because: str = ""


@dataclass(slots=True)
class Usage:
    """What has been sent lately."""

    recent: Sent = field(default_factory=list)
    hours: Sent = field(default_factory=list)

    def in_24_hours(self, at: datetime) -> int:
        return sum(
            number for hour, number in self.hours if hour + HOUR + DAY > at.timestamp()
        )

    def room(self, pace: Pace, at: datetime, wanted: int) -> Room:
        """Return how many of `wanted` messages may go at `at`."""
        return min(
            self._in_the_window(pace, at, wanted),
            self._in_the_day(pace, at, wanted),
            # The tighter limit; of two that are used up, the one that lasts longer.
            key=lambda room: (room.number, -(room.until or at).timestamp()),
        )

    def finish(self, pace: Pace, at: datetime, waiting: int) -> datetime | None:
        """Return when the last of `waiting` messages goes, each as soon as it may.

        None if that is further off than anybody should rely on.
        """
        moment, end = at.timestamp(), at + FORESEEN
        # What is in hand is about to be gone.
        recent = [(min(when, moment), number) for when, number in self.recent]
        ahead = Usage(recent, list(self.hours))
        while at < end:
            room = ahead.room(pace, at, waiting)
            ahead.spend(room.number, pace, at)
            waiting -= room.number
            if not waiting:
                return at
            at = room.until or at
        return None

    def spend(
        self, number: int, pace: Pace, at: datetime, gone_by: datetime | None = None
    ) -> None:
        """Remember that `number` messages go from `at` on; forget what counts no more.

        They are in hand until `gone_by`, unless it is told before: see `correct`.
        """
        if not number:
            return
        moment = at.timestamp()
        self.recent = [
            (when, sent) for when, sent in self.recent if when > moment - pace.seconds
        ]
        self.hours = [
            (when, sent) for when, sent in self.hours if when + HOUR + DAY > moment
        ]
        self._add(number, (gone_by or at).timestamp())

    def correct(self, in_hand: Sent, gone: int, gone_by: datetime) -> None:
        """Of what was in hand until these moments, `gone` has gone; forget the rest.

        Only of those: what others have spent since then stays spent.
        """
        for moment, number in in_hand:
            self.recent, found = _without(self.recent, moment, number)
            # What is still to come cannot have been forgotten: it was undone.
            undone = moment > gone_by.timestamp()
            spent = found if undone else number
            self.hours, _ = _without(self.hours, _hour(moment), spent)
        self._add(gone, gone_by.timestamp())

    def _add(self, number: int, moment: float) -> None:
        if not number:
            return
        self.recent = [*self.recent, (moment, number)]
        hours = dict(self.hours)
        hours[_hour(moment)] = hours.get(_hour(moment), 0) + number
        self.hours = list(hours.items())

    def _in_the_window(self, pace: Pace, at: datetime, wanted: int) -> Room:
        if pace.messages is None:
            return Room(wanted)
        start = at.timestamp() - pace.seconds
        window = [(when, sent) for when, sent in self.recent if when > start]
        free = pace.messages - sum(sent for _, sent in window)
        if free > 0:
            return Room(min(wanted, free))
        # What is in hand is gone now at the soonest.
        oldest = min((when for when, _ in window), default=at.timestamp())
        oldest = min(oldest, at.timestamp())
        return Room(
            0,
            _moment(oldest + pace.seconds),
            f"the limit of {pace.burst}",
        )

    def _in_the_day(self, pace: Pace, at: datetime, wanted: int) -> Room:
        if pace.per_day is None:
            return Room(wanted)
        free = pace.per_day - self.in_24_hours(at)
        if free > 0:
            return Room(min(wanted, free))
        counting = [
            hour for hour, _ in self.hours if hour + HOUR + DAY > at.timestamp()
        ]
        oldest = min(counting, default=at.timestamp())
        return Room(
            0,
            _moment(oldest + HOUR + DAY),
            f"the limit of {pace.day}",
        )


def _moment(seconds: float) -> datetime:
    # A little later, so that the limit has certainly passed.
    return datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=10)


def _hour(moment: float) -> float:
    return moment - moment % HOUR


def _without(sent: Sent, moment: float, number: int) -> tuple[Sent, int]:
    """Return the rest without `number` of that moment, and how many it had of these."""
    rest: Sent = []
    wanted = number
    for when, each in sent:
        taken = min(each, number) if when == moment else 0
        number -= taken
        if each > taken:
            rest.append((when, each - taken))
    return rest, wanted - number
