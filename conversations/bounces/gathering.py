"""Many coroutines ask, one thread answers them in groups.

While the thread is at work, the next items gather: the busier it gets, the more of them
share one query and one commit. An item that finds the thread idle is done at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

from django import db

Item = TypeVar("Item")
Answer = TypeVar("Answer")

AT_MOST = 100  # items in one group
# Seconds of idleness after which the connection is checked. Checking it each time would
# be one more trip for every group.
CHECK_AFTER = 1.0


class Gathering(Generic[Item, Answer]):
    """Calls `work` with groups of waiting items; it returns an answer for each.

    An answer that is an exception is raised to the one who asked. `work` runs in a
    thread of its own with its own database connection. After each group the thread
    rests for `rest` seconds, so that more items gather: many small groups cost more
    than that delay. It does not rest when a full group waits.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[list[Item]], Sequence[Answer | Exception]],
        *,
        rest: float,
    ) -> None:
        self._work = work
        self._rest = rest
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._at_work = False
        self._last = -CHECK_AFTER

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    def ask(self, item: Item) -> asyncio.Future[Answer]:
        """Hand an item in, from the event loop; the future gets its answer.

        To give up, cancel the future: the item is dropped if its group has not begun,
        and else its work goes on.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if not self._at_work:
            self._begin()
        return answer

    def stop(self, patience: float) -> None:
        """Drop waiting items and close the connection; nobody may ask afterwards.

        Waits at most `patience` seconds for the thread.
        """
        self._waiting.clear()
        closing = self._thread.submit(db.connections.close_all)
        with suppress(TimeoutError):  # it hangs; its thread ends when it can
            closing.result(timeout=patience)
        self._thread.shutdown(wait=False)

    def _begin(self) -> None:
        group: list[tuple[Item, asyncio.Future[Answer]]] = []
        while self._waiting and len(group) < AT_MOST:
            item, answer = self._waiting.popleft()
            if not answer.done():
                group.append((item, answer))
        self._at_work = bool(group)
        if group:
            asyncio.get_running_loop().run_in_executor(
                self._thread, self._do, [item for item, _ in group]
            ).add_done_callback(partial(self._settle, [answer for _, answer in group]))

    def _do(self, items: list[Item]) -> Sequence[Answer | Exception]:
        if time.monotonic() - self._last > CHECK_AFTER:
            db.close_old_connections()
        answers: Sequence[Answer | Exception]
        try:
            answers = self._work(items)
        except Exception as error:
            answers = [error] * len(items)
        if any(isinstance(answer, db.Error) for answer in answers):
            db.close_old_connections()
        self._last = time.monotonic()
        return answers

    def _settle(
        self,
        askers: list[asyncio.Future[Answer]],
        done: asyncio.Future[Sequence[Answer | Exception]],
    ) -> None:
        for asker, answer in zip(askers, done.result(), strict=True):
            if asker.done():
                continue
            if isinstance(answer, Exception):
                asker.set_exception(answer)
            else:
                asker.set_result(answer)
        rest = 0 if len(self._waiting) >= AT_MOST else self._rest
        asyncio.get_running_loop().call_later(rest, self._begin)
