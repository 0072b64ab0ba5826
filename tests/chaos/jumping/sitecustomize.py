"""Imported by Python itself in each process of the product: its clocks are the rig's.

Before anything else is, so that all who ask for the time ask here.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

with Path(os.environ["CHAOS_CLOCK"]).open("rb") as opened:
    SHARED = mmap.mmap(opened.fileno(), 16, access=mmap.ACCESS_READ)

real_time, real_monotonic = time.time, time.monotonic


def passed_and_ahead() -> tuple[int, int]:
    passed, ahead = struct.unpack("qq", SHARED[:])
    return passed, ahead


def monotonic() -> float:
    return real_monotonic() + passed_and_ahead()[0]


def time_of_day() -> float:
    return real_time() + sum(passed_and_ahead())


def now() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=sum(passed_and_ahead()))


time.monotonic, time.time = monotonic, time_of_day

from django.utils import timezone  # noqa: E402 - by then the clocks are the rig's

timezone.now = now

from channels.database import clock as database_clock  # noqa: E402

# It jumps with all the others: time is let pass for it too.
database_clock.database_now = now
