"""Many ask, one thread answers: all that waits is done in one go.

While the thread is at work the next askers gather; the busier it gets, the more is
done by one query and one commit. Who asks after a rest is answered at once.
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

AT_MOST = 100  # items in one go
# Seconds of rest after which the connection is asked whether it still lives. To ask
# each time would be one more trip for every group.
CHECK_AFTER = 1.0


class Gathering(Generic[Item, Answer]):
    """`work` gets all items that wait and returns as many answers.

    An answer that is an exception is raised to the one who asked. `work` has a thread
    and a database connection of its own. After each time it rests for `rest` seconds,
    so that more gather: many small groups cost more than their waiting. When as many
    have gathered as are done in one go, it does not rest.
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
        """Hand an item in; to be called in the event loop.

        Whoever gives up cancels the future: an item whose turn has not come by then
        is forgotten, and what has begun goes on.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if not self._at_work:
            self._begin()
        return answer

    def stop(self, patience: float) -> None:
        """Begin nothing more; after `stop` nobody may ask."""
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
