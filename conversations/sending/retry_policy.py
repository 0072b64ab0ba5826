"""When a delivery that was put off is tried again. Pure."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

# The pause after the 1st, 2nd, … attempt. Greylisting lets through after minutes,
# an outage takes hours: twelve tries fill the two days.
PAUSES = [
    timedelta(minutes=minutes)
    for minutes in (1, 5, 15, 30, 60, 120, 240, 360, 480, 480, 480, 480)
]
GIVE_UP_AFTER = timedelta(days=2)
# The limits of a pause that a server asks for: no hammering, and no forgotten mail.
SHORTEST, LONGEST = timedelta(seconds=5), timedelta(days=1)
# Mail whose try is later than it should be by more than the longest pause was not being
# tried meanwhile: a limit, a pause or a portal that was off kept it. Its two days begin
# anew, unless it has had as many tries as fill them.
STOOD_STILL = LONGEST
TRIES = len(PAUSES)
JITTER = 0.1  # so that what was put off together does not come back together
LATEST = timedelta(minutes=1)  # the most jitter after a time that a server has named


def next_try(
    *,
    attempts: int,
    tried_since: datetime,
    at: datetime,
    asked_for: timedelta | None = None,
    for_a_limit: bool = False,
) -> datetime | None:
    """Return the time of the next attempt, or None to give up.

    `attempts` counts those made, `asked_for` is the pause that the server named. The
    last attempt is at the end of the two days, or when a pause ends that the server
    named before then. Mail that waits `for_a_limit` of its channel is never given up.
    """
    if asked_for is not None:
        # A little after the time it named, and never before: its clock is not ours.
        longest = max(asked_for, LONGEST) if for_a_limit else LONGEST
        pause = min(max(asked_for, SHORTEST), longest)
        pause += timedelta(seconds=1) + min(JITTER * pause, LATEST) * random.random()  # noqa: S311
    else:
        pause = PAUSES[min(attempts, len(PAUSES)) - 1] if attempts else PAUSES[0]
        pause *= 1 + random.uniform(-JITTER, JITTER)  # noqa: S311 - no secret
    if for_a_limit:
        return at + pause
    last = tried_since + GIVE_UP_AFTER
    if at + PAUSES[0] > last:
        return None
    return at + pause if asked_for is not None else min(at + pause, last)
