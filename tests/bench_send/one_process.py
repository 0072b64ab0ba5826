"""The product in a process of its own: queueing, from Send to handed over, embedded.

`python -m tests.bench_send.one_process WORK NUMBER`, with the product's environment,
prints one line of JSON. Without BROKER_URL its workers are in this process too.
"""

# ruff: noqa: PLC0415 - the product can be imported once Django is set up

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import django

from tests.bench_send import ours
from tests.bench_send.machine import PYTHON
from tests.portal import ROOT, wait_until


def measure(env: Mapping[str, str], work: str, number: int) -> float:
    done = subprocess.run(
        [PYTHON, "-m", "tests.bench_send.one_process", work, str(number)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def workers_of_its_own() -> Iterator[None]:
    import dramatiq
    from django.conf import settings

    worker = dramatiq.Worker(
        dramatiq.get_broker(),
        worker_threads=settings.WORKER_THREADS,
        worker_timeout=100,
    )
    worker.start()
    yield
    worker.stop()


def latency(number: int) -> float:
    """Milliseconds from Send to handed over, of 95 in 100."""
    from conversations.models import DeliveryEvent

    write, took = ours.writer(), []
    accepted = DeliveryEvent.objects.filter(kind="accepted")
    before = accepted.count()
    with nullcontext() if os.environ["BROKER_URL"] else workers_of_its_own():
        for each in range(number + 3):
            # Idle: an empty queue is looked into less and less often.
            time.sleep(random.uniform(0.5, 1.5))
            begun = time.time()
            write([each])
            wait_until(partial(_more_than, accepted, before + each))
            last = accepted.latest("pk")
            took.append((last.at.timestamp() - begun) * 1000)
    # The first find nothing prepared: no connection, no conversation.
    return statistics.quantiles(took[3:], n=20)[-1]


def _more_than(events: Any, number: int) -> bool:
    return bool(events.count() > number)


def embedded(number: int) -> float:
    """Mails a second, with SQLite and no other program."""
    share = number // ours.LANES
    for sender in ours.senders():
        ours.writer(sender)(range(share))
    begun = time.time()
    with workers_of_its_own():
        wait_until(lambda: len(ours.accepted()) >= share * ours.LANES, seconds=300)
    return share * ours.LANES / (ours.accepted()[-1] - begun)


def queue_single(number: int) -> float:
    """Letters a second, each queued by itself."""
    write = _begun()

    def one_by_one() -> None:
        for each in range(number):
            write([each])

    return _rate(number, one_by_one)


def queue_many(number: int) -> float:
    """Letters a second, all queued at once."""
    write = _begun()
    return _rate(number, lambda: write(range(number)))


def _begun() -> Callable[[Iterable[int]], object]:
    """The first finds nothing prepared, at either's."""
    write = ours.writer()
    write([0])
    return write


def _rate(number: int, work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return number / (time.perf_counter() - begun)


WORKS: dict[str, Callable[[int], float]] = {
    "latency": latency,
    "embedded": embedded,
    "queue one": queue_single,
    "queue many": queue_many,
}

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "deliveryportal.settings"
    django.setup()
    ours.collect_seldom()
    sys.stdout.write(json.dumps(WORKS[sys.argv[1]](int(sys.argv[2]))) + "\n")
