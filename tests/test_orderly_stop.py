"""A worker that is asked to stop while a far end keeps it waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import dramatiq
import pytest
from django.db import connections
from dramatiq import Worker
from pytest_django import Settings

from channels import lines
from conversations.models import Delivery
from conversations.models.state import State
from conversations.sending.stopping import stopping
from conversations.sending.turns import LaneId, take_turn
from deliveryportal.accounts.models import User
from deliveryportal.broker import OrderlyStop, make_broker
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.portal import wait_until

PATIENCE = 0.3  # seconds, instead of 12

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    # The workers' threads end with the test, and so must their connections.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    monkeypatch.setattr(OrderlyStop, "PATIENCE", PATIENCE)
    # A queue of one's own: other tests' workers take from the product's.
    worker = Worker(make_broker(""), worker_threads=2, worker_timeout=100)
    worker.start()
    yield worker
    stopping.clear()


@pytest.fixture
def says_nothing() -> Iterator[Callable[[bytes], bytes]]:
    over = threading.Event()

    def say_nothing(line: bytes) -> bytes:
        over.wait(timeout=60)
        return b"421 4.3.2 closing"

    yield say_nothing
    over.set()


def begin(worker: Worker, mail: Delivery) -> None:
    @dramatiq.actor(broker=worker.broker)
    def work_lane() -> None:
        take_turn(LaneId(mail.channel_id, mail.sender_id))

    work_lane.send()


def seconds_to_stop(worker: Worker) -> float:
    begun = time.monotonic()
    worker.stop()
    return time.monotonic() - begun


def test_it_hangs_up_on_one_that_says_nothing_and_one_mail_is_in_doubt(
    alice: User,
    make_delivery: Callable[..., Delivery],
    worker: Worker,
    says_nothing: Callable[[bytes], bytes],
    settings: Settings,
) -> None:
    mail, *others = [make_delivery(alice) for _ in range(3)]
    with ScriptedSmtp(content=says_nothing) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        begin(worker, mail)
        wait_until(lambda: relay.messages)
        seconds = seconds_to_stop(worker)
    assert seconds < 30  # it would be 120
    mail.refresh_from_db()
    assert mail.state == State.UNCONFIRMED
    assert "had not answered when these servers had to stop" in mail.remote_words
    for other in others:
        other.refresh_from_db()
        assert other.state == State.QUEUED, "it was not begun"
    assert not lines.has_hung_up(), "whoever sends next does so undisturbed"


def test_before_the_message_has_gone_nothing_is_in_doubt(
    alice: User,
    make_delivery: Callable[..., Delivery],
    worker: Worker,
    says_nothing: Callable[[bytes], bytes],
    settings: Settings,
) -> None:
    mail = make_delivery(alice)
    with ScriptedSmtp(banner=says_nothing) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        begin(worker, mail)
        wait_until(lambda: relay.connections)
        assert seconds_to_stop(worker) < 15  # it would be 20
    mail.refresh_from_db()
    assert mail.state == State.QUEUED


def test_one_that_answers_in_time_is_waited_for(
    alice: User,
    make_delivery: Callable[..., Delivery],
    worker: Worker,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    monkeypatch.setattr(OrderlyStop, "PATIENCE", 60.0)
    mail = make_delivery(alice)

    def answer_when_asked_to_stop(message: bytes) -> bytes:
        stopping.wait(timeout=60)
        return b"250 2.0.0 taken"

    with ScriptedSmtp(content=answer_when_asked_to_stop) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        begin(worker, mail)
        wait_until(lambda: relay.messages)
        worker.stop()
    mail.refresh_from_db()
    assert mail.state == State.ACCEPTED
