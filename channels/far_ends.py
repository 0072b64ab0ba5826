"""How many sessions all workers together have open to one host.

A host that hangs keeps as many workers busy as it has sessions, and no more. Signals
tell of each worker that is kept waiting, so that another can take its place.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import Error, connection
from django.utils.timezone import now

from channels.far_end_signals import came_back, kept_waiting
from channels.models import FarEndSession
from channels.models.far_end import HELD

logger = logging.getLogger(__name__)

RENEWED_EVERY = 5.0  # seconds
# A turn with a host that answers is over sooner.
LONG = 3.0  # seconds


@contextmanager
def session(host: str, queue_up: Callable[[], None]) -> Iterator[bool]:
    """Hold one of the host's sessions; yield False if all are taken.

    Before that `queue_up` is called and a second look taken: whoever gives a session
    back after it finds the caller in the queue.
    """
    holder = secrets.token_hex(16)
    if not _take(host, holder):
        queue_up()
        if not _take(host, holder):
            yield False
            return
    keeper = _Keeper(holder)
    keeper.start()
    try:
        yield True
    finally:
        keeper.done.set()
        FarEndSession.objects.give_back(holder)


def end_all_sessions() -> None:
    """End every session now. Only for a process that knows it is alone."""
    FarEndSession.objects.update(holder="", until=now())


def _take(host: str, holder: str) -> bool:
    limit = settings.FAR_END_SESSIONS
    sessions = FarEndSession.objects.filter(host=host, number__lt=limit)
    for _ in range(limit + 1):
        if FarEndSession.objects.take(host, holder, below=limit):
            return True
        if sessions.count() < limit:
            FarEndSession.objects.bulk_create(
                [FarEndSession(host=host, number=number) for number in range(limit)],
                ignore_conflicts=True,
            )
        elif not sessions.free().exists():
            return False
    return False


class _Keeper(threading.Thread):
    """Renews a session for as long as its process lives and has not given it back."""

    def __init__(self, holder: str) -> None:
        super().__init__(name="far-end session", daemon=True)
        self.holder = holder
        self.done = threading.Event()

    def run(self) -> None:
        if self.done.wait(LONG):
            return  # the common case: it never asked the database
        mine = FarEndSession.objects.filter(holder=self.holder)
        kept_waiting.send(FarEndSession, holder=self.holder)
        try:
            while not self.done.is_set():
                try:
                    mine.update(until=now() + HELD)
                except Error as error:
                    logger.warning("A session could not be renewed: %r", str(error))
                    connection.close()
                self.done.wait(RENEWED_EVERY)
        finally:
            came_back.send(FarEndSession, holder=self.holder)
            connection.close()
