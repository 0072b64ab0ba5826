"""The receiver's side of the conversation: which mail it takes, and when it says 250."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from aiosmtpd.smtp import SMTP, Envelope, Session
from django import db
from django.conf import settings

from channels.return_path import token_of
from conversations.bounces.receiving import (
    announce_report,
    receive_report,
    token_is_known,
)

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

# Seconds; then 451. Shorter than we wait for a client, or a client for us.
DATABASE_PATIENCE = 20.0

STORED = "250 2.0.0 Report stored"
KNOWN = "250 2.1.5 OK"
NO_SUCH_PATH = "550 5.1.1 No such return path here"
TRY_LATER = "451 4.3.0 Cannot be stored now, try again later"


class ReportHandler:
    """aiosmtpd's handler: each method answers one command with a reply line.

    `database` must be one thread only: its connection is used from report to report.
    `queue` is another, because a queue that hangs must keep nobody waiting.
    """

    def __init__(self, source: str, *, database: Executor, queue: Executor) -> None:
        self._source = source
        self._database = database
        self._queue = queue
        self.in_hand: set[asyncio.Future[Any]] = set()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        token = token_of(address, settings.BOUNCE_DOMAIN)
        if token is None:
            return NO_SUCH_PATH
        try:
            known = await self._in_database(token_is_known, token)
        except (db.Error, TimeoutError) as error:
            logger.warning("A return path cannot be looked up: %r", error)
            return TRY_LATER
        if not known:
            return NO_SUCH_PATH
        envelope.rcpt_tos.append(token)
        return KNOWN

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        raw = envelope.content
        assert isinstance(raw, bytes)  # as it is without decode_data
        try:
            await self._in_database(self._store, envelope.rcpt_tos, raw)
        except (db.Error, TimeoutError) as error:
            logger.warning("A report cannot be stored: %r", error)
            return TRY_LATER
        return STORED

    async def handle_exception(self, error: Exception) -> str:
        logger.error("The bounce receiver stumbled", exc_info=error)
        return TRY_LATER

    def _store(self, tokens: list[str], raw: bytes) -> None:
        for token in tokens:
            report = receive_report(token, raw, self._source)
            logger.info("Report %s received", report.uuid)
            with suppress(RuntimeError):  # stopping: the sweeper finds it
                self._queue.submit(announce_report, report)

    async def _in_database(
        self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do `work` in the database's thread; raise TimeoutError if it hangs.

        What has begun then goes on, and may be stored after all: it comes again
        and is found to be there.
        """

        def job() -> T:
            db.close_old_connections()
            try:
                return work(*args, **kwargs)
            finally:
                db.close_old_connections()

        running = asyncio.get_running_loop().run_in_executor(self._database, job)
        self.in_hand.add(running)
        running.add_done_callback(self.in_hand.discard)
        return await asyncio.wait_for(running, DATABASE_PATIENCE)
