"""The clock of the database: on several machines it is the one they have in common."""

from __future__ import annotations

import logging
import math
from datetime import datetime, timedelta
from time import monotonic

from django.db import connection
from django.utils.timezone import now

logger = logging.getLogger(__name__)

# So much may a machine's clock differ; and that it does is told as often.
SKEWED = timedelta(seconds=5)
TOLD_EVERY = 60.0  # seconds

_told = -math.inf  # by the monotonic clock


def database_now() -> datetime:
    """The database's time of day; SQLite has this machine's."""
    if connection.vendor != "postgresql":
        return now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
    moment: datetime = at
    return moment


def clock_ahead() -> timedelta:
    """By how much this machine's clock is ahead of the database's, or, negative, behind.

    A skew is told in the log. How long the question takes is not one.
    """
    before, there, after = now(), database_now(), now()
    # Ahead if it was later before we asked, behind if it was earlier afterwards.
    ahead = max(before - there, timedelta(0)) + min(after - there, timedelta(0))
    _tell(ahead)
    return ahead


def _tell(ahead: timedelta) -> None:
    global _told  # noqa: PLW0603 - one clock a process
    if abs(ahead) <= SKEWED or monotonic() < _told + TOLD_EVERY:
        return
    _told = monotonic()
    logger.warning(
        "The clock of this machine is %.0f s %s the database's: leases and limits go by "
        "it, and mail may be held up or become unconfirmed. Set it right (NTP).",
        abs(ahead.total_seconds()),
        "ahead of" if ahead > timedelta(0) else "behind",
    )
