from __future__ import annotations

import asyncio
import queue
import smtplib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_django import Settings

from deliveryportal.practice.manners import MANNERS
from deliveryportal.practice.models import PracticeMail
from deliveryportal.practice.relay import PracticeRelay

PATIENCE = 30  # seconds; only a failing test waits that long

LETTER = (
    b"From: Alice Acme <alice@acme.test>\r\n"
    b"To: anna@customer.test\r\n"
    b"Subject: Hello Anna\r\n"
    b"Date: Mon, 02 Mar 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@portal.test>\r\n"
    b"\r\n"
    b"How are you?\r\n"
)


class BounceReceiver(Controller):
    """A mail server on loopback that keeps what it is sent; `replies` come first."""

    def __init__(self) -> None:
        self.mails: queue.Queue[Envelope] = queue.Queue()
        self.replies: list[str] = []
        super().__init__(self, hostname="127.0.0.1", port=0)

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.mails.put(envelope)
        return self.replies.pop(0) if self.replies else "250 OK"

    def _trigger_server(self) -> None:
        # Port 0 has become a real one by now; the base class would dial 0.
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]

    def next_mail(self) -> Envelope:
        return self.mails.get(timeout=PATIENCE)


@pytest.fixture
def bounce_receiver() -> Iterator[BounceReceiver]:
    receiver = BounceReceiver()
    receiver.start()
    yield receiver
    receiver.stop()


@pytest.fixture
def in_practice(settings: Settings) -> None:
    settings.PRACTICE = True
    settings.PORTAL_RELAY_URL = ""
    settings.PORTAL_DOMAIN = "portal.test"
    settings.BOUNCE_DOMAIN = "bounce.portal.test"


@pytest.fixture
def start_relay(
    transactional_db: None, in_practice: None
) -> Iterator[Callable[[tuple[str, int]], PracticeRelay]]:
    running = []

    def start(bounces_to: tuple[str, int]) -> PracticeRelay:
        relay = PracticeRelay(bounces_to=bounces_to)
        relay.start()
        running.append(relay)
        return relay

    yield start
    for relay in running:
        relay.stop()


@pytest.fixture
def relay(
    start_relay: Callable[[tuple[str, int]], PracticeRelay],
    bounce_receiver: BounceReceiver,
) -> PracticeRelay:
    return start_relay(("127.0.0.1", bounce_receiver.port))


@pytest.fixture
def client_of() -> Iterator[Callable[[PracticeRelay], smtplib.SMTP]]:
    clients = []

    def connect(relay: PracticeRelay) -> smtplib.SMTP:
        client = smtplib.SMTP(
            relay.host, relay.port, local_hostname="portal.test", timeout=PATIENCE
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def smtp(
    relay: PracticeRelay, client_of: Callable[[PracticeRelay], smtplib.SMTP]
) -> smtplib.SMTP:
    return client_of(relay)


@pytest.fixture
def quicken(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Give a manner other times than a person needs to watch it."""

    def quicken(local_part: str, **times: Any) -> None:
        monkeypatch.setitem(MANNERS, local_part, replace(MANNERS[local_part], **times))

    return quicken


@pytest.fixture
def arrived(db: None, in_practice: None) -> Callable[..., PracticeMail]:
    """A mail that has arrived, without a relay."""

    def arrive(token: str, raw: bytes = LETTER, **fields: object) -> PracticeMail:
        return PracticeMail.objects.create(
            **{
                "envelope_sender": f"b{token}@bounce.portal.test",
                "envelope_recipient": "anna@customer.test",
                "return_token": token,
                "header_from": "Alice Acme <alice@acme.test>",
                "header_subject": "Hello Anna",
                "raw": raw,
            }
            | fields
        )

    return arrive
