"""A lease: the right to deliver what was claimed, for a time.

What is claimed is handed over by its ids, a handful at a time, and what came of each
handful is settled, or noted, before the next begins. So of what a lease that has run
out still holds, and no note tells of, only the first handful may be on its way; the
rest was never begun.
"""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.timezone import now

from conversations.models.by_hand import Sql
from conversations.models.state import State

NO_LEASE = {"lease": "", "lease_until": None}
# What was claimed and not begun goes back into the queue as it was.
UNTRIED = NO_LEASE | {"state": State.QUEUED, "attempts": Sql("attempts - 1")}


@dataclass(slots=True)
class Lease:
    """`token` names it and tells how many it hands over at a time: `50:8c1f…`.

    By the monotonic clock it `ends` if nobody prolongs it, and `turn_ends` is when other
    lanes have waited long enough; whose lease was `lost` has no turn any more.
    """

    token: str
    handful: int
    turn_ends: float
    ends: float = 0.0
    lost: bool = False

    @classmethod
    def new(cls) -> Lease:
        handful, turn = settings.IN_HAND, settings.LANE_MILLISECONDS / 1000
        # A hyphen is in those of a version that noted nothing. It cannot read this one,
        # and takes all of it to be in doubt.
        token = f"{handful}:{secrets.token_hex(10)}"
        return cls(token, handful, time.monotonic() + turn)

    @property
    def turn_is_over(self) -> bool:
        """Asked after each message, so that every turn sends one at least."""
        return self.lost or time.monotonic() >= self.turn_ends

    def holds(self, state: State) -> dict[str, Any]:
        """What is so of a delivery in `state` for as long as it is ours.

        Whoever ends a lease takes its name away. Its time is not asked again: clocks
        jump, and a hand-over that has happened is then no less true.
        """
        return {"lease": self.token, "state": state}

    def prolong(self) -> datetime:
        """Let it last from now on; return until when, for what it holds."""
        self.ends = time.monotonic() + settings.LEASE_SECONDS
        return self.end()

    @staticmethod
    def end() -> datetime:
        return now() + timedelta(seconds=settings.LEASE_SECONDS)


def handful_of(token: str) -> int | None:
    """How many the lease of this name hands over at a time; None if it does not tell."""
    told = re.match(r"(\d+)[:-]", token)
    return int(told[1]) if told else None
