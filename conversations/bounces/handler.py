"""The receiver's answers to SMTP commands: which mail it takes, when it says 250."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from aiosmtpd.smtp import SMTP, Envelope, Session
from django import db
from django.conf import settings

from channels.return_path import token_of
from conversations.bounces import receiving
from conversations.bounces.addresses import HAVE_ACCEPTED, STRAY, is_for_the_admin
from conversations.bounces.gathering import Gathering
from conversations.bounces.receiving import Arrival

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Seconds until the answer is 451. Shorter than we wait for a client, or it for us.
DATABASE_PATIENCE = 20.0
# The most reports that wait to be announced while the queue hangs. The sweeper finds
# the others.
UNANNOUNCED = 10_000

STORED = "250 2.0.0 Report stored"
KNOWN = "250 2.1.5 OK"
NO_SUCH_PATH = "550 5.1.1 No such return path here"
TRY_LATER = "451 4.3.0 Cannot be stored now, try again later"


class ReportHandler:
    """aiosmtpd's handler: each method answers one command with a reply line.

    Looking up, storing and announcing each have a thread: RCPT does not wait for a
    commit, and nothing waits for a queue that hangs.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        # No rest for what senders wait for: each group takes long enough for the next.
        self._stored = Gathering("bounces-reports", store, rest=0)
        self._known = Gathering("bounces-paths", look_up, rest=0)
        self._announced = Gathering("bounces-queue", announce, rest=0.05)
        self.in_hand: set[asyncio.Future[Any]] = set()

    def stop(self, patience: float) -> None:
        for gathering in (self._known, self._stored, self._announced):
            gathering.stop(patience)

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        offers: list[str],
    ) -> list[str]:
        session.host_name = hostname
        # No AUTH here, though aiosmtpd offers it after STARTTLS.
        kept = [offer for offer in offers[:-1] if not offer.startswith("250-AUTH")]
        return [*kept, "250-ENHANCEDSTATUSCODES", "250 PIPELINING"]

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
            if not is_for_the_admin(address, settings.BOUNCE_DOMAIN, self._source):
                return NO_SUCH_PATH
            envelope.rcpt_tos.append(STRAY)
            return KNOWN
        try:
            known = await self._patiently(self._known.ask(token))
        except (db.Error, TimeoutError) as error:
            logger.warning("A return path cannot be looked up: %r", error)
            return TRY_LATER
        if not known and self._source not in HAVE_ACCEPTED:
            return NO_SUCH_PATH
        envelope.rcpt_tos.append(token if known else STRAY)
        return KNOWN

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        raw = envelope.content
        assert isinstance(raw, bytes)  # decode_data is off
        arrival = Arrival(tuple(dict.fromkeys(envelope.rcpt_tos)), raw, self._source)
        try:
            reports = await self._patiently(self._stored.ask(arrival))
        except (db.Error, TimeoutError) as error:
            logger.warning("A report cannot be stored: %r", error)
            return TRY_LATER
        if len(self._announced) < UNANNOUNCED:
            self._announced.ask(reports)
        return STORED

    async def handle_exception(self, error: Exception) -> str:
        logger.error("The bounce receiver stumbled", exc_info=error)
        return TRY_LATER

    async def _patiently(self, answer: asyncio.Future[T]) -> T:
        """Wait for an answer of the database; raise TimeoutError if it hangs.

        Work that has begun goes on, and may store the report after all. The sender
        brings it again, and then it is found to be there.
        """
        self.in_hand.add(answer)
        answer.add_done_callback(self.in_hand.discard)
        return await asyncio.wait_for(answer, DATABASE_PATIENCE)


def look_up(tokens: list[str]) -> list[bool | Exception]:
    known = receiving.known_tokens(tokens)
    return [token in known for token in tokens]


def store(arrivals: list[Arrival]) -> Sequence[list[int] | Exception]:
    return receiving.receive(arrivals)


def announce(reports: list[list[int]]) -> Sequence[None]:
    receiving.announce_reports([pk for pks in reports for pk in pks])
    return [None] * len(reports)
