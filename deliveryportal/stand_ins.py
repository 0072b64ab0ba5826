"""Another thread for each one that a far end keeps waiting.

Hosts that hang hold their threads until a time limit: several of them at once would
hold all that a process has, and everybody's mail with them.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from django.db import connections
from dramatiq import Broker, Middleware, Worker
from dramatiq.worker import WorkerThread

from channels.far_end_signals import came_back, kept_waiting

logger = logging.getLogger(__name__)

AT_MOST = 16  # in one process


class StandIns(Middleware):
    """Adds threads to those of the process's worker; they end with it."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._standing_in: dict[str, WorkerThread] = {}  # by session
        self._lock = threading.Lock()

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._worker = worker
        kept_waiting.connect(self._begin)
        came_back.connect(self._end)

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        kept_waiting.disconnect(self._begin)
        came_back.disconnect(self._end)
        with self._lock:  # it waits for those that it has now
            self._worker = None
            self._standing_in.clear()

    def before_worker_thread_shutdown(
        self, broker: Broker, thread: WorkerThread
    ) -> None:
        connections.close_all()

    def _begin(self, holder: str, **_: Any) -> None:
        with self._lock:
            worker = self._worker
            if worker is None or len(self._standing_in) >= AT_MOST:
                return
            thread = WorkerThread(
                broker=worker.broker,
                consumers=worker.consumers,
                work_queue=worker.work_queue,
                worker_timeout=worker.worker_timeout,
            )
            thread.start()
            worker.workers[:] = [*filter(WorkerThread.is_alive, worker.workers), thread]
            self._standing_in[holder] = thread
        logger.warning("A far end keeps a thread waiting: another takes its place")

    def _end(self, holder: str, **_: Any) -> None:
        """Let it finish what it has in hand. It stays among those that are waited for."""
        with self._lock:
            if thread := self._standing_in.pop(holder, None):
                thread.stop()
