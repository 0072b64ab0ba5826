"""The limits of one connection to the bounce receiver: time, memory, syntax.

aiosmtpd speaks the protocol; this limits it, and reads the mail data itself. Only a
client that names a recipient we take gets as far as DATA: any other can hold a
connection and a command line at most.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, AnyStr

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP
from django.conf import settings

from conversations.bounces.mail_data import MailData

IDLE_LIMIT = 60.0  # seconds between two commands, or two pieces of a mail
SESSION_LIMIT = 600.0  # seconds altogether, against clients that send a byte a minute
MAX_SESSIONS = 500
LINE_LIMIT = 1024  # octets of a command line; the protocol allows 512
# Octets since our last answer: of commands; of a mail, this and twice its size limit.
UNANSWERED_LIMIT = 1024 * 1024

TOO_BIG = "552 5.3.4 Message too big"
TOO_SOON = "554 5.5.0 Mail came before its 354"
STRAY_OCTETS = "500 5.5.2 A command ends in CRLF and holds no other CR, LF or NUL"

_PLAIN = re.compile(r"<([a-z0-9._+=-]+@[a-z0-9.-]+)?>(?=\s|\Z)", re.IGNORECASE)
_STRAY = re.compile(rb"[\0\r\n]")


class HungUpError(ConnectionResetError):
    """We have closed the connection: what the client still sends is not read."""


class CommandReader(asyncio.StreamReader):
    """Reads command lines; calls `refuse` for one with a stray CR, LF or NUL.

    Commands are smuggled in lines that another server would divide differently.
    """

    def __init__(
        self, *, loop: asyncio.AbstractEventLoop, refuse: Callable[[], None]
    ) -> None:
        super().__init__(limit=LINE_LIMIT, loop=loop)
        self._refuse = refuse
        self._in_long_line = False

    async def readuntil(self, separator: Any = b"\n") -> bytes:
        try:
            line = await super().readuntil(separator)
        except asyncio.LimitOverrunError:  # aiosmtpd skips the rest of the line
            self._in_long_line = True
            raise
        if self._in_long_line:
            self._in_long_line = False
            return line
        if not line.endswith(b"\r\n") or _STRAY.search(line, 0, len(line) - 2):
            self._refuse()
            raise HungUpError
        return line

    def holds_more(self) -> bool:
        return bool(self._buffer)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Terms:
    """What all sessions of a receiver have in common."""

    size_limit: int
    tls: ssl.SSLContext | None = None
    tls_required: bool = False


class SmtpSession(SMTP):
    def __init__(
        self,
        handler: object,
        *,
        terms: Terms,
        sessions: set[SmtpSession],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(
            handler,
            data_size_limit=terms.size_limit,
            enable_SMTPUTF8=True,
            hostname=settings.BOUNCE_DOMAIN,
            ident="bounces",
            timeout=IDLE_LIMIT,
            tls_context=terms.tls,
            require_starttls=terms.tls_required,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            loop=loop,
        )
        # aiosmtpd's own reader ends a line at any LF.
        asyncio.StreamReaderProtocol.__init__(
            self,
            CommandReader(loop=loop, refuse=lambda: self.hang_up(STRAY_OCTETS)),
            client_connected_cb=self._cb_client_connected,
            loop=loop,
        )
        # aiosmtpd's is shared by all sessions, and grows with each EHLO.
        self.command_size_limits = defaultdict(lambda: LINE_LIMIT)
        self._size_limit = terms.size_limit
        self._sessions = sessions
        self._mail: MailData | None = None  # between our 354 and its end
        self._unanswered = 0  # octets since our last answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self not in self._sessions:  # it is called again after STARTTLS
            self._sessions.add(self)
            self._end = self.loop.call_later(SESSION_LIMIT, self._timeout_cb)

    def connection_lost(self, error: Exception | None) -> None:
        self._sessions.discard(self)
        self._end.cancel()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        self._unanswered += len(data)
        if self._mail is None:
            if self._unanswered > UNANSWERED_LIMIT:
                self.hang_up("421 4.7.0 Too many octets and no command")
            else:
                super().data_received(data)
            return
        if self._unanswered > 2 * self._size_limit + UNANSWERED_LIMIT:
            self.hang_up(TOO_BIG)
            return
        self._reset_timeout()
        rest = self._mail.feed(data)
        if rest is not None:
            self._mail = None
            self._mail_ended.set_result(None)
            super().data_received(rest)

    async def push(self, status: AnyStr) -> None:
        self._unanswered = 0
        await super().push(status)

    async def smtp_DATA(self, arg: str | None) -> None:  # noqa: N802 - aiosmtpd's name
        """Read the mail in pieces; aiosmtpd would go through it line by line."""
        assert self.envelope is not None
        assert isinstance(self._reader, CommandReader)
        if self._reader.holds_more():
            # If DATA is then refused, a mail sent too early would be read as commands.
            self.hang_up(TOO_SOON)
            raise HungUpError
        if await self.check_helo_needed():
            return
        if not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 RCPT first")
            return
        if arg:
            await self.push("501 5.5.4 DATA takes no argument")
            return
        mail = self._mail = MailData(self._room())
        self._mail_ended = self.loop.create_future()
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        await self._mail_ended
        await self.answer_mail(TOO_BIG if mail.too_big else await self._store(mail))
        self.envelope = self._create_envelope()

    async def _store(self, mail: MailData) -> str:
        assert self.envelope is not None
        self.envelope.content = mail.content()
        try:
            status = await self._call_handler_hook("DATA")
        except Exception as error:
            status = await self.handle_exception(error)
        return str(status)

    async def answer_mail(self, status: str) -> None:
        await self.push(status)

    def _room(self) -> int:
        """Return the limit of the mail: some more than announced (RFC 1870, 6.3)."""
        assert self.envelope is not None
        for option in self.envelope.mail_options:
            name, _, size = option.partition("=")
            if name == "SIZE":
                return min(self._size_limit, 2 * int(size) + LINE_LIMIT)
        return self._size_limit

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read the usual form; aiosmtpd's way takes a third of the time of a mail."""
        if plain := _PLAIN.match(arg):
            return plain[1] or "<>", arg[plain.end() :]
        read: tuple[str | None, str | None] = super()._getaddr(arg)
        return read

    def hang_up(self, words: str) -> None:
        transport = self.transport
        if isinstance(transport, asyncio.WriteTransport) and not transport.is_closing():
            transport.write(f"{words}\r\n".encode())
            transport.close()

    def _timeout_cb(self) -> None:
        self.hang_up("421 4.4.2 Waited too long")

    async def _handle_client(self) -> None:
        with suppress(ConnectionError):  # the client may go at any moment
            await super()._handle_client()


class LmtpSession(SmtpSession, LMTP):
    """Answers a mail once for each of its recipients (RFC 2033, 4.2).

    All get the same answer, as the report is stored for all of them or for none.
    """

    async def answer_mail(self, status: str) -> None:
        assert self.envelope is not None
        for _ in self.envelope.rcpt_tos:
            await self.push(status)


class Busy(asyncio.Protocol):
    """Answers 421 to a connection beyond MAX_SESSIONS, and closes it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"421 4.3.2 Too many connections, try again later\r\n")
        transport.close()


PROTOCOLS: dict[str, type[SmtpSession]] = {"smtp": SmtpSession, "lmtp": LmtpSession}


def session_for(
    protocol: str, handler: object, *, terms: Terms, sessions: set[SmtpSession]
) -> Any:
    """Open a session in the running event loop and enter it in `sessions`."""
    if len(sessions) >= MAX_SESSIONS:
        return Busy()
    return PROTOCOLS[protocol](
        handler, terms=terms, sessions=sessions, loop=asyncio.get_running_loop()
    )
