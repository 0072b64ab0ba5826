"""A single mail, from Send to accepted, behind 10,000 of somebody else.

There are as many each time one is written, at any moment of their turns. Two workers
with default settings, and the same with one thread each; the last cases are hard: as
many people with 10,000 each as keep all sessions of the relay.
"""

# ruff: noqa: PLC0415 - the product can be imported once its settings are known

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from tests.bench_send import ours
from tests.portal import wait_until

BACKLOG = 10_000  # of each who has many, at least
BEHIND = 60_000  # more of theirs, so that it is long until there are less
SINGLES = 40
FIRST = 3  # find nothing prepared: no connection, no conversation
MOST = 1.0  # seconds


class Case(NamedTuple):
    """How many people have 10,000 each, and how many threads each of two workers has."""

    people: int
    threads: int

    def __str__(self) -> str:
        whose = f"{self.people} × " if self.people > 1 else ""
        threads = ours.PROCESSES * self.threads
        return f"behind {whose}{BACKLOG:,}, {threads} threads"


CASES = [Case(1, ours.THREADS), Case(1, 1), Case(4, ours.THREADS), Case(4, 1)]
LIMITS = [
    (f"{case}, {which} ≤ {MOST:.0f} s", f"{case}, {which}", MOST)
    for case in CASES
    for which in ("p95", "max")
]


def behind_many(relay: int, note: Callable[[str, float], None]) -> None:
    for case in CASES:
        took: list[float] = []
        while len(took) < SINGLES:
            took += _singles(relay, case)[FIRST:]
        note(f"{case}, p95", statistics.quantiles(took, n=20)[-1])
        note(f"{case}, max", max(took))


def _singles(relay: int, case: Case) -> list[float]:
    """Seconds from Send to accepted, as long as there are as many before it."""
    from conversations.tasks import work_lane

    *others, single = ours.senders()
    many, took = others[: case.people], list[float]()
    ours.empty()
    ours.queue(case.people * BACKLOG, BEHIND, among=many)
    ours.forget_announcements()
    write, waiting = ours.writer(single), ours.lanes()
    with ours.workers(relay, threads=case.threads):
        for lane in waiting:
            work_lane.send(*lane)
        wait_until(ours.accepted)
        while len(took) < FIRST + SINGLES and _fewest(many) >= BACKLOG:
            time.sleep(random.uniform(0, 0.5))  # any moment of their turns
            begun = time.time()
            (message,) = write([len(took)])
            wait_until(partial(_accepted_at, message))
            took.append(_accepted_at(message).timestamp() - begun)
    return took


def _fewest(many: list[Any]) -> int:
    """How many are queued of whoever has the fewest."""
    from conversations.models import Delivery

    queued = Delivery.objects.filter(state="queued")
    return min(queued.filter(sender=each).count() for each in many)


def _accepted_at(message: Any) -> Any:
    return message.deliveries.get().accepted_at
