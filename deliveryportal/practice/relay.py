from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from weakref import WeakSet

from aiosmtpd.smtp import SMTP, Envelope, Session
from django import db
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from deliveryportal.practice.answering import Answering
from deliveryportal.practice.filing import file_mail
from deliveryportal.practice.greylist import Greylist
from deliveryportal.practice.manners import manner_of

logger = logging.getLogger("deliveryportal.practice")

HOSTNAME = "practice.test"
IDLE_LIMIT = 120  # seconds of silence before a connection is closed
LONGEST_ADDRESS = 320  # what a row holds; real ones end at 254


class PracticeRelay:
    """An SMTP server on loopback that plays the outside world. Nothing leaves it.

    Mail is filed as `PracticeMail` and treated as `manners` says; bounces and
    complaints go to the bounce receiver at `bounces_to`. `port` 0 takes a free one,
    which `port` and `url` tell after `start`.
    """

    def __init__(
        self, *, bounces_to: tuple[str, int], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.host = host
        self.port = port
        self._bounces_to = bounces_to
        self._running = False

    @property
    def url(self) -> str:
        return f"smtp://{self.host}:{self.port}"

    def start(self) -> None:
        """Take mail from now on.

        Raises ImproperlyConfigured where real mail is sent, OSError if the port
        is taken.
        """
        self._refuse_beside_the_real_world()
        bound: Future[int] = Future()
        # One thread for the database: its connection stays open, and mail is
        # filed in the order it came.
        self._filing = ThreadPoolExecutor(1, thread_name_prefix="practice-filing")
        self._serving = threading.Thread(
            target=self._run, args=[bound], name="practice-relay", daemon=True
        )
        self._serving.start()
        self.port = bound.result()
        self._answering = Answering(self._bounces_to)
        self._answering.start()
        self._running = True

    def hurry(self) -> None:
        """Answer at once from now on: whoever hands mail over wants to stop."""
        if self._running:
            self._loop.call_soon_threadsafe(self._hurried.set)

    def stop(self) -> None:
        """Close every connection, without waiting for anybody's reply or next word.

        Does nothing if it is not running.
        """
        if not self._running:
            return
        self._running = False
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._serving.join()
        self._answering.stop()
        self._filing.submit(db.connections.close_all)
        self._filing.shutdown()

    def _refuse_beside_the_real_world(self) -> None:
        if not settings.PRACTICE:
            raise ImproperlyConfigured(
                "The practice relay runs in practice mode only, and PORTAL_MODE is "
                "“production”."
            )
        if settings.PORTAL_RELAY_URL not in {"", self.url}:
            raise ImproperlyConfigured(
                "The practice relay never runs beside a real one, and "
                "PORTAL_RELAY_URL names a relay."
            )

    def _run(self, bound: Future[int]) -> None:
        try:
            asyncio.run(self._serve(bound))
        except Exception as error:
            if bound.done():
                raise
            bound.set_exception(error)  # for `start` to raise

    async def _serve(self, bound: Future[int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()
        handler = OutsideWorld(self._filing, self._hurried)
        sessions: WeakSet[SMTP] = WeakSet()

        def open_session() -> SMTP:
            session = SMTP(
                handler,
                data_size_limit=2
                * (settings.MAX_MESSAGE_BYTES + settings.MAX_ATTACHMENT_BYTES),
                enable_SMTPUTF8=True,
                hostname=HOSTNAME,
                ident="practice relay",
                timeout=IDLE_LIMIT,
                loop=self._loop,
            )
            sessions.add(session)
            return session

        server = await self._loop.create_server(open_session, self.host, self.port)
        bound.set_result(server.sockets[0].getsockname()[1])
        await self._stopping.wait()
        server.close()
        for session in list(sessions):
            if isinstance(session.transport, asyncio.WriteTransport):
                session.transport.abort()
        await server.wait_closed()


class OutsideWorld:
    """aiosmtpd's handler: each method answers one command with a reply line."""

    def __init__(self, filing: ThreadPoolExecutor, hurried: asyncio.Event) -> None:
        self._filing = filing
        self._hurried = hurried
        self._greylist = Greylist()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if not can_be_filed(address):
            return "553 5.1.7 This sender address cannot be read"
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        if not can_be_filed(address):
            return "553 5.1.3 This address cannot be read"
        manner = manner_of(address)
        if manner.refusal:
            return manner.refusal.format(address=address)
        if manner.greylisted_for and (
            wait := self._greylist.seconds_left(
                envelope.mail_from or "", address, manner.greylisted_for
            )
        ):
            return f"451 4.7.1 Greylisted, please try again in {wait} seconds"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        manners = [manner_of(address) for address in envelope.rcpt_tos]
        refusal = next(filter(None, (each.content_refusal for each in manners)), "")
        if refusal:
            return refusal
        pause = max(each.pause for each in manners)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurried.wait(), pause.total_seconds())
        file = partial(
            file_mail,
            sender=(envelope.mail_from or "").strip("<>"),
            recipients=envelope.rcpt_tos,
            content=envelope.original_content or b"",
        )
        try:
            filed_as = await asyncio.get_running_loop().run_in_executor(
                self._filing, _in_database, file
            )
        except db.Error as error:
            logger.warning("The practice relay cannot file mail: %r", error)
            return "451 4.3.0 Not filed: the database does not answer. Try again later"
        if any(each.hangs_up for each in manners) and server.transport:
            server.transport.close()
        return f"250 2.0.0 Taken as {filed_as}"

    async def handle_exception(self, error: Exception) -> str:
        logger.error("The practice relay stumbled", exc_info=error)
        return "451 4.3.0 The practice relay stumbled. Try again later"


def can_be_filed(address: str) -> bool:
    """Refuse control characters, bytes that are no UTF-8, and what no row holds."""
    return address.isprintable() and len(address) <= LONGEST_ADDRESS


def _in_database(work: partial[str]) -> str:
    try:
        return work()
    except db.Error:
        db.connections.close_all()  # a broken one would stay broken
        raise
