"""A lease: the right to deliver what was claimed, for a time.

Claimed deliveries are handed over in the order of their ids, a handful at a time. The
results of each handful are settled, or noted on the timeline, before the next begins.
So of the deliveries that an expired lease still holds and that have no note, only the
first handful may have left; the rest was never begun.
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

from channels.database.prepared import Sql
from conversations.models.state import State

NO_LEASE = {"lease": "", "lease_until": None}
# The changes that put back into the queue what was claimed and not begun.
UNTRIED = NO_LEASE | {"state": State.QUEUED, "attempts": Sql("attempts - 1")}


@dataclass(slots=True)
class Lease:
    """A worker's lease.

    `token` names it, and begins with the size of a handful: `50:8c1f…`. By the monotonic
    clock, it `ends` unless somebody prolongs it, and `turn_ends` is when other lanes have
    waited long enough. `lost` is set when somebody else has ended the lease; then its
    turn is over too.
    """

    token: str
    handful: int
    turn_ends: float
    ends: float = 0.0
    lost: bool = False

    @classmethod
    def new(cls) -> Lease:
        handful, turn = settings.IN_HAND, settings.LANE_MILLISECONDS / 1000
        # An older version, which noted nothing, wrote a hyphen instead of the colon. It
        # cannot read this token, and so takes all that the lease holds to be in doubt.
        token = f"{handful}:{secrets.token_hex(10)}"
        return cls(token, handful, time.monotonic() + turn)

    @property
    def turn_is_over(self) -> bool:
        """Whether to send no more; asked after a message, so each turn sends one."""
        return self.lost or time.monotonic() >= self.turn_ends

    def holds(self, state: State) -> dict[str, Any]:
        """The fields of a delivery in `state` for as long as this lease holds it.

        Whoever ends a lease clears its name. `lease_until` is not among them: clocks
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
    """The size of a handful, from the name of a lease; None if the name has none."""
    told = re.match(r"(\d+)[:-]", token)
    return int(told[1]) if told else None
