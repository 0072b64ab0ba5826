from __future__ import annotations

from time import monotonic
from typing import Any

import dramatiq
import pika.exceptions
import pytest
import redis
from django.core.exceptions import ImproperlyConfigured
from dramatiq import Worker
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker

from channels.announcing import announce
from conversations.sending.stopping import stopping
from conversations.tasks import work_lane
from deliveryportal.broker import (
    ImpatientRabbitmqBroker,
    InProcessBroker,
    WatchfulRedisBroker,
    make_broker,
    ping,
)
from tests.peers.short_of_memory import rabbitmq_short_of_memory
from tests.portal import wait_until


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("", InProcessBroker),
        ("redis://127.0.0.1:1/0", RedisBroker),
        ("amqp://127.0.0.1:1", RabbitmqBroker),
    ],
)
def test_the_url_decides_the_broker(url: str, kind: type[dramatiq.Broker]) -> None:
    assert isinstance(make_broker(url), kind)


def test_an_unknown_scheme_is_a_sentence() -> None:
    with pytest.raises(ImproperlyConfigured, match="BROKER_URL must be empty"):
        make_broker("kafka://127.0.0.1")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "amqp://127.0.0.1:1"])
def test_a_broker_that_is_away_does_not_answer(url: str) -> None:
    with pytest.raises((redis.ConnectionError, pika.exceptions.AMQPConnectionError)):
        ping(make_broker(url))


def test_a_rabbitmq_that_is_short_of_memory_is_waited_for_a_while_and_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ImpatientRabbitmqBroker, "PATIENCE", 0.3)
    with rabbitmq_short_of_memory() as url:
        broker = make_broker(url)

        @dramatiq.actor(broker=broker)
        def idle(number: int) -> None: ...

        began = monotonic()
        assert announce(idle, 7) is False
        assert 0.3 <= monotonic() - began < 0.6, "asked once"
        broker.close()
    assert "The queue did not take idle(7,)" in caplog.text


def test_how_long_it_is_waited_for_can_be_written_into_the_url() -> None:
    for query, seconds in {"": 5, "?blocked_connection_timeout=2": 2}.items():
        broker: Any = make_broker(f"amqp://127.0.0.1:1/%2F{query}")
        assert broker.parameters.blocked_connection_timeout == seconds


def test_work_that_comes_after_a_long_rest_waits_for_a_moment_only() -> None:
    """dramatiq's own would look into an idle Redis once a second."""
    broker = make_broker("redis://127.0.0.1:1/0")
    consumer: Any = broker.consume("lanes", prefetch=1, timeout=1000)
    assert consumer.timeout <= 100
    assert work_lane.queue_name == WatchfulRedisBroker.WATCHED


def test_no_broker_retries_or_interrupts_a_job() -> None:
    names = {type(each).__name__ for each in make_broker("").middleware}
    assert names == {"DatabaseConnections", "OrderlyStop", "Crowding", "StandIns"}


def test_failed_jobs_are_not_kept_in_memory() -> None:
    broker = make_broker("")
    assert isinstance(broker, InProcessBroker)

    @dramatiq.actor(broker=broker)
    def fail() -> None:
        raise RuntimeError

    worker = Worker(broker, worker_threads=1, worker_timeout=10)
    worker.start()
    try:
        for _ in range(5):
            fail.send()
        wait_until(lambda: not broker.queues["default"].unfinished_tasks)
        wait_until(lambda: not broker.dead_letters)
    finally:
        worker.stop()
        stopping.clear()


def test_a_queue_nobody_works_on_does_not_grow_for_ever() -> None:
    broker = make_broker("")
    assert isinstance(broker, InProcessBroker)
    broker.FULL = 3

    @dramatiq.actor(broker=broker)
    def idle() -> None: ...

    for _ in range(10):
        idle.send()
    assert broker.queues["default"].qsize() == 3
