"""Two workers, processes of their own, race for the mail of one lane."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection

from conversations.models import Delivery, Message
from conversations.models.state import State
from conversations.tasks import work_lane
from deliveryportal.accounts.models import User
from deliveryportal.broker import make_broker
from tests.conversations.lanes import has_queued
from tests.peers.roles import Role
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.peers.stores import POSTGRES, redis_queue, redis_url
from tests.portal import wait_until

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite is for one process"
    ),
]

MAILS = 1_000


@pytest.fixture
def queue_url() -> Iterator[str]:
    with redis_queue() as queue:
        yield redis_url(queue)


@pytest.fixture
def relays() -> Iterator[list[ScriptedSmtp]]:
    """One for each worker. Neither takes anything before the other is offered some."""
    both = threading.Barrier(2)

    def once_both_are_at_it() -> Callable[[bytes], bytes]:
        begun = threading.Event()

        def answer(line: bytes) -> bytes:
            if not begun.is_set():
                both.wait(timeout=30)
                begun.set()
            return b"250 2.1.5 ok"

        return answer

    with ExitStack() as parts:
        yield [
            parts.enter_context(ScriptedSmtp(RCPT=once_both_are_at_it()))
            for _ in range(2)
        ]


@pytest.fixture
def workers(queue_url: str, relays: list[ScriptedSmtp], tmp_path: Path) -> list[Role]:
    return [
        Role(
            *(
                "dramatiq",
                "deliveryportal.worker",
                "--processes",
                "1",
                "--threads",
                "1",
            ),
            env={
                "DATABASE_URL": f"{POSTGRES}/{connection.settings_dict['NAME']}",
                "BROKER_URL": queue_url,
                "PORTAL_MODE": "production",
                "PORTAL_DOMAIN": "portal.test",
                "PORTAL_RELAY_URL": relay.url,
                "BASE_URL": "https://portal.test",
                "ALLOWED_HOSTS": "portal.test",
                "SECRET_KEY": "two workers" * 5,
            },
            log=tmp_path / f"worker {number}.log",
            ready="is booting up",
        )
        for number, relay in enumerate(relays)
    ]


def ids_of(relay: ScriptedSmtp) -> list[str]:
    found = [
        re.search(rb"^Message-ID: (\S+)", message, re.MULTILINE | re.IGNORECASE)
        for message in relay.messages
    ]
    return [each[1].decode() for each in found if each]


@pytest.mark.django_db(transaction=True)
def test_each_mail_is_sent_once_and_each_worker_has_a_share(
    alice: User, queue_url: str, relays: list[ScriptedSmtp], workers: list[Role]
) -> None:
    lane = has_queued(alice, MAILS)
    queue = make_broker(queue_url)
    with ExitStack() as running:
        for worker in workers:
            running.enter_context(worker)
        # A worker takes two at most: one it works on, and one to come.
        for _ in range(4):
            queue.enqueue(work_lane.message(*lane))
        accepted = Delivery.objects.filter(state=State.ACCEPTED)
        wait_until(lambda: accepted.count() == MAILS)
    shares = [ids_of(relay) for relay in relays]
    assert all(shares)
    assert sorted([*shares[0], *shares[1]]) == sorted(
        Message.objects.values_list("message_id", flat=True)
    )
