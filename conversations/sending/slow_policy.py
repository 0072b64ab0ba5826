"""How long a recipient's domain rests that has asked us to slow down. Pure."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

# The rest after it has asked once, twice, … in a row.
RESTS = [timedelta(seconds=seconds) for seconds in (30, 60, 120, 300, 600, 900)]
# As long as it has not asked again, it is trusted with a step more after each of these.
RECOVERS_IN = timedelta(minutes=10)
LONGEST = timedelta(
    hours=1
)  # however much more it asks for: each mail has its own tries
JITTER = 0.1


def asked_before(times: int, ended: datetime, at: datetime) -> int:
    """Return how many of the `times` it has asked still count, `at` a later moment."""
    quiet = max(at - ended, timedelta(0))
    return max(times - quiet // RECOVERS_IN, 0)


def rest(times: int, asked_for: timedelta | None = None) -> timedelta:
    """Return how long it rests when it has asked for the `times`th time in a row."""
    pause = RESTS[min(times, len(RESTS)) - 1]
    pause *= 1 + random.uniform(0, JITTER)  # noqa: S311 - no secret
    return min(max(pause, asked_for or timedelta(0)), LONGEST)
