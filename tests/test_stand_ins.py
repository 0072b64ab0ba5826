"""Several hosts that hang at once: everybody else's mail leaves all the same."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import dramatiq
import pytest
from django.db import connections
from dramatiq import Worker
from pytest_django import Settings

from channels import far_ends
from channels.connection_testing import run_test
from channels.models import Channel, ConnectionTest
from conversations.models import Delivery
from conversations.models.state import State
from conversations.sending.stopping import stopping
from conversations.sending.turns import LaneId, take_turn
from deliveryportal.accounts.models import User
from deliveryportal.broker import make_broker
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.portal import wait_until

THREADS = 2


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Worker]:
    # The workers' threads end with the test, and so must their connections.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    monkeypatch.setattr(far_ends, "LONG", 0.2)
    settings.FAR_END_SESSIONS = 1
    settings.SMTP_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    # A queue of one's own: other tests' workers take from the product's.
    worker = Worker(make_broker(""), worker_threads=THREADS, worker_timeout=100)
    worker.start()
    yield worker
    worker.stop()
    stopping.clear()


def take_turns(worker: Worker, *lanes: LaneId) -> None:
    @dramatiq.actor(broker=worker.broker, actor_name=secrets.token_hex(8))
    def work_lane(channel_id: int, sender_id: int) -> None:
        take_turn(LaneId(channel_id, sender_id))

    for lane in lanes:
        work_lane.send(*lane)


@pytest.fixture
def hanging() -> Iterator[Callable[[], ScriptedSmtp]]:
    """Servers that take a connection and say nothing until the test is over."""
    over = threading.Event()

    def say_nothing(line: bytes) -> bytes:
        over.wait(timeout=60)
        return b"421 4.3.2 closing"

    with ExitStack() as servers:
        yield lambda: servers.enter_context(ScriptedSmtp(banner=say_nothing))
        over.set()


def lane_of(delivery: Delivery, host: str, server: ScriptedSmtp) -> LaneId:
    """The lane of a mail that leaves by a server of its sender's own."""
    port = int(server.url.rpartition(":")[2])
    channel = Channel.objects.create(
        kind="smtp",
        owner=delivery.sender,
        config={"host": host, "port": str(port), "security": "none"},
    )
    Delivery.objects.filter(pk=delivery.pk).update(channel=channel)
    return LaneId(channel.pk, delivery.sender_id)


@pytest.mark.django_db(transaction=True)
def test_more_hosts_hang_than_there_are_threads_and_other_mail_leaves(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: Callable[..., Delivery],
    workers: Worker,
    hanging: Callable[[], ScriptedSmtp],
    settings: Settings,
) -> None:
    stuck = [hanging(), hanging()]
    take_turns(
        workers,
        lane_of(make_delivery(alice), "127.0.0.1", stuck[0]),
        lane_of(make_delivery(bob), "localhost", stuck[1]),
    )
    wait_until(lambda: all(server.connections for server in stuck))
    mail = make_delivery(charlie)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        take_turns(workers, LaneId(mail.channel_id, charlie.pk))
        wait_until(
            Delivery.objects.filter(pk=mail.pk, state=State.ACCEPTED).exists, seconds=15
        )
    others = Delivery.objects.exclude(pk=mail.pk).values_list("state", flat=True)
    assert list(others) == [State.HANDING_OVER] * 2, "they hang still"
    assert len(workers.workers) == THREADS + len(stuck)


@pytest.mark.django_db(transaction=True)
def test_servers_that_hang_in_their_connection_test_hold_up_no_mail(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: Callable[..., Delivery],
    workers: Worker,
    hanging: Callable[[], ScriptedSmtp],
    settings: Settings,
) -> None:
    @dramatiq.actor(broker=workers.broker, actor_name=secrets.token_hex(8))
    def run(test_id: int) -> None:
        run_test(test_id)

    stuck = {alice: hanging(), bob: hanging()}
    for user, server in stuck.items():
        port = server.url.rpartition(":")[2]
        test = ConnectionTest.objects.create(
            user=user,
            kind="smtp",
            sender=user.email,
            config={"host": "127.0.0.1", "port": port, "security": "none"},
            credentials={},
        )
        run.send(test.pk)
    wait_until(lambda: all(server.connections for server in stuck.values()))
    mail = make_delivery(charlie)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        take_turns(workers, LaneId(mail.channel_id, charlie.pk))
        wait_until(
            Delivery.objects.filter(pk=mail.pk, state=State.ACCEPTED).exists, seconds=15
        )
    running = ConnectionTest.objects.filter(state=ConnectionTest.State.RUNNING)
    assert running.count() == len(stuck), "they hang still"
