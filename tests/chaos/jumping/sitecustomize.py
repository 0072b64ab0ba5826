"""Imported by Python itself in each process of the product: its clock may jump.

Everything there that asks for the time asks Django.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils import timezone

CLOCK = Path(os.environ["CHAOS_CLOCK"])


def now() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=int(CLOCK.read_text()))


timezone.now = now
