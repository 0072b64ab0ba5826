"""A mail server on loopback that takes everything, or not yet, and remembers it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

PATIENCE = 30.0  # seconds; only a failing test waits that long


@dataclass(frozen=True, slots=True)
class SunkMail:
    """`sender` is empty for the null sender; `content` has CRLF line ends."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)


class Sink(Controller):
    """`not_yet` are the recipients that it asks to come again later."""

    def __init__(self) -> None:
        self.not_yet: set[str] = set()
        self._arrived = threading.Condition()
        self._mails: list[SunkMail] = []
        super().__init__(self, hostname="127.0.0.1", port=0, enable_SMTPUTF8=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def mails(self) -> list[SunkMail]:
        with self._arrived:
            return list(self._mails)

    def wait_for(
        self,
        wanted: Callable[[SunkMail], object] = lambda mail: True,
        timeout: float = PATIENCE,
    ) -> SunkMail:
        """Return the first mail that is `wanted`; raise TimeoutError."""
        with self._arrived:
            found = self._arrived.wait_for(
                lambda: next(filter(wanted, self._mails), None), timeout
            )
            if found is None:
                raise TimeoutError(f"Not among the {len(self._mails)} mails here.")
            return found

    async def handle_RCPT(  # noqa: N802
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if address in self.not_yet:
            return "451 4.3.2 Our disk is being moved, come again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        sender = (envelope.mail_from or "").removeprefix("<>")
        with self._arrived:
            self._mails.append(SunkMail(sender, tuple(envelope.rcpt_tos), content))
            self._arrived.notify_all()
        return "250 2.0.0 kept"

    def _trigger_server(self) -> None:
        # Port 0 has become a real one by now; the base class would dial 0.
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
