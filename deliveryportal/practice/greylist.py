from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import timedelta

REMEMBERED = 10_000  # pairs; more than anybody practises with


class Greylist:
    """Puts off the first attempt of each pair of sender and recipient."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._first_seen: dict[tuple[str, str], float] = {}

    def seconds_left(self, sender: str, recipient: str, wait: timedelta) -> int:
        """Return how long to put off this attempt; 0: let it through."""
        if len(self._first_seen) >= REMEMBERED:
            self._first_seen.clear()
        pair = sender.casefold(), recipient.casefold()
        seen = self._first_seen.setdefault(pair, self._clock())
        return max(0, math.ceil(seen + wait.total_seconds() - self._clock()))
