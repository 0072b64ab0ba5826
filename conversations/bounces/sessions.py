"""What one connection to the bounce receiver may take: time, memory, answers.

aiosmtpd speaks the protocol; this bounds it. Only who knows a return path of ours
gets as far as DATA, so a stranger holds a connection and a command line at most.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, AnyStr

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP
from django.conf import settings

IDLE_LIMIT = 60.0  # seconds between two commands, or two pieces of a mail
SESSION_LIMIT = 600.0  # seconds altogether, for who sends a byte a minute
MAX_SESSIONS = 100


class SmtpSession(SMTP):
    # Real bounces have lines far longer than the protocol allows, and to refuse them
    # is to lose them.
    line_length_limit = 1024 * 1024

    def __init__(
        self,
        handler: object,
        *,
        size_limit: int,
        sessions: set[SmtpSession],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            handler,
            data_size_limit=size_limit,
            enable_SMTPUTF8=True,
            hostname=settings.BOUNCE_DOMAIN,
            ident="bounces",
            timeout=IDLE_LIMIT,
            loop=loop,
        )
        self._sessions = sessions
        self._flood = 2 * size_limit + self.line_length_limit
        self._in_mail = False  # between our 354 and our answer to the mail
        self._unanswered = 0  # octets since our last answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._sessions.add(self)
        self._end = self.loop.call_later(SESSION_LIMIT, self._timeout_cb)

    def connection_lost(self, error: Exception | None) -> None:
        self._sessions.discard(self)
        self._end.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._unanswered += len(data)
        if self._unanswered > self._flood:
            # aiosmtpd would read on to the end of the mail, and keep a line without end.
            self.hang_up("552 5.3.4 Message too big")
            return
        if self._in_mail:
            self._reset_timeout()
        super().data_received(data)

    async def push(self, status: AnyStr) -> None:
        self._unanswered = 0
        self._in_mail = begins_mail(status)
        await super().push(status)

    def hang_up(self, words: str) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.write(f"{words}\r\n".encode())
            self.transport.close()

    def _timeout_cb(self) -> None:
        self.hang_up("421 4.4.2 Waited too long")

    async def _handle_client(self) -> None:
        with suppress(ConnectionError):  # they may go at any moment
            await super()._handle_client()


class LmtpSession(SmtpSession, LMTP):
    """Answers a mail once for each of its recipients (RFC 2033, 4.2).

    All get the same answer, as the report is stored for all of them or for none.
    """

    _answers = 1

    async def push(self, status: AnyStr) -> None:
        for _ in range(self._answers):
            await super().push(status)
        assert self.envelope is not None
        self._answers = len(self.envelope.rcpt_tos) if begins_mail(status) else 1


def begins_mail(status: str | bytes) -> bool:
    return status[:3] in {"354", b"354"}


class Busy(asyncio.Protocol):
    """The answer to one connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
        transport.close()


PROTOCOLS: dict[str, type[SmtpSession]] = {"smtp": SmtpSession, "lmtp": LmtpSession}


def session_for(
    protocol: str,
    handler: object,
    *,
    size_limit: int,
    sessions: set[SmtpSession],
) -> Any:
    """Open a session in the running event loop and enter it in `sessions`."""
    if len(sessions) >= MAX_SESSIONS:
        return Busy()
    return PROTOCOLS[protocol](
        handler,
        size_limit=size_limit,
        sessions=sessions,
        loop=asyncio.get_running_loop(),
    )
