"""How long mail to a domain rests that has asked us to slow down. Pure."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

# The rest after it has asked once, twice, … in a row.
RESTS = [timedelta(seconds=seconds) for seconds in (30, 60, 120, 300, 600, 900)]
# For each such span in which the domain has not asked again, one request is forgotten.
RECOVERS_IN = timedelta(minutes=10)
LONGEST = timedelta(
    hours=1
)  # however much more it asks for: each mail has its own tries
JITTER = 0.1


def requests_within(span: timedelta) -> int:
    """Return how many requests in a row show that a domain has asked for so long.

    As few as there are if each asks for the longest rest.
    """
    return span // LONGEST


def asked_before(times: int, ended: datetime, at: datetime) -> int:
    """Return how many of `times` requests still count at `at`.

    `ended` is when the last rest ended.
    """
    quiet = max(at - ended, timedelta(0))
    return max(times - quiet // RECOVERS_IN, 0)


def rest(times: int, asked_for: timedelta | None = None) -> timedelta:
    """Return how long to rest after the `times`th request in a row."""
    pause = RESTS[min(times, len(RESTS)) - 1]
    pause *= 1 + random.uniform(0, JITTER)  # noqa: S311 - no secret
    return min(max(pause, asked_for or timedelta(0)), LONGEST)
