"""A TCP gate before a server: what comes through can be cut off, held up or changed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self


class Gate:
    """Listens on `port` and leads to `server`, until it is shut and again once open.

    What the server is to get goes through `changed`, piece by piece as it was written.
    """

    def __init__(
        self,
        server: tuple[str, int],
        *,
        changed: Callable[[bytes], bytes] = lambda octets: octets,
    ) -> None:
        self._server = server
        self._changed = changed
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._through: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._refusing = False

    def cut(self) -> None:
        """Break every connection and every new one, as a server that is stopped."""
        self._do(self._cut)

    def hold(self) -> None:
        """Let nothing through and say nothing, as a server that hangs."""
        self._do(self._passing.clear)

    def open(self) -> None:
        self._do(self._open)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._listening = asyncio.run_coroutine_threadsafe(
            listening, self._loop
        ).result(10)
        self.port = self._listening.sockets[0].getsockname()[1]
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cut()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Callable[[], Any]) -> None:
        async def done() -> None:
            work()

        asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    def _cut(self) -> None:
        self._refusing = True
        for writer in self._through:
            writer.transport.abort()

    def _open(self) -> None:
        self._refusing = False
        self._passing.set()

    async def _end(self) -> None:
        self._listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        with suppress(OSError):
            onward_reader, onward = await asyncio.open_connection(*self._server)
            self._through |= {writer, onward}
            await asyncio.gather(
                self._pass(reader, onward, self._changed),
                self._pass(onward_reader, writer, bytes),
            )

    async def _pass(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        changed: Callable[[bytes], bytes],
    ) -> None:
        with suppress(OSError):
            while octets := await reader.read(65_536):
                await self._passing.wait()
                writer.write(changed(octets))
                await writer.drain()
        writer.transport.abort()
        self._through.discard(writer)
