"""The server that bounces come to: SMTP for an MX, LMTP for a local MTA.

It takes mail for our return paths, and what `addresses` keeps for the admin. It says
250 only after the report is committed. If the database is away it says 451, and the
other server keeps the report and tries again.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from concurrent.futures import Future
from functools import partial

from conversations.bounces.handler import ReportHandler
from conversations.bounces.sessions import SmtpSession, Terms, session_for

STOP_PATIENCE = 0.3  # seconds that a stop waits for what is being stored


def host_and_port(listen: str) -> tuple[str, int]:
    """Read `host:port` or `[v6]:port`; raise ValueError with a sentence."""
    host, colon, port = listen.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 65_536):
        raise ValueError(f"“{listen}” must be host:port, as in 127.0.0.1:2525.")
    return host.strip("[]"), int(port)


class BounceReceiver:
    """Listens in a thread of its own from `start` to `stop`. Used once.

    `port` 0 takes a free one; after `start`, `address` tells which.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        protocol: str = "smtp",
        size_limit: int,
        tls: ssl.SSLContext | None = None,
        tls_required: bool = False,
    ) -> None:
        self.address = (host, port)
        self._protocol = protocol
        self._terms = Terms(size_limit, tls, tls_required=tls_required)
        self._handler = ReportHandler(protocol)
        self._sessions: set[SmtpSession] = set()
        self._running = False

    def start(self) -> None:
        """Listen from now on; raise OSError if the address cannot be had."""
        bound: Future[tuple[str, int]] = Future()
        self._thread = threading.Thread(
            target=self._run, args=[bound], name="bounces", daemon=True
        )
        self._thread.start()
        try:
            self.address = bound.result()
        except OSError as error:
            if error.errno is None or error.errno <= 0:  # no such host
                raise
            # The system's own message, without the words that asyncio adds.
            raise OSError(error.errno, os.strerror(error.errno)) from None
        self._running = True

    def stop(self) -> None:
        """Answer what is being stored, then close. Within a second.

        Does nothing if it is not running.
        """
        if not self._running:
            return
        self._running = False
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._handler.stop(STOP_PATIENCE)

    def _run(self, bound: Future[tuple[str, int]]) -> None:
        try:
            asyncio.run(self._serve(bound))
        except Exception as error:
            if bound.done():
                raise
            bound.set_exception(error)  # for `start` to raise

    async def _serve(self, bound: Future[tuple[str, int]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        open_session = partial(
            session_for,
            self._protocol,
            self._handler,
            terms=self._terms,
            sessions=self._sessions,
        )
        server = await self._loop.create_server(open_session, *self.address)
        bound.set_result(server.sockets[0].getsockname()[:2])
        await self._stopping.wait()
        server.close()
        if self._handler.in_hand:
            await asyncio.wait(self._handler.in_hand, timeout=STOP_PATIENCE)
            await asyncio.sleep(0.05)  # for the answers to go out
        for session in list(self._sessions):
            session.hang_up("421 4.3.2 Stopping, try again later")
        await server.wait_closed()
