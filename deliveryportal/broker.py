"""The queue between the web and the workers.

A queue message says only "there is work"; the work itself is rows. Losing every
message in here loses nothing: the sweeper finds the rows.
"""

from __future__ import annotations

import threading
from urllib.parse import urlsplit

import dramatiq
import pika
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections
from dramatiq import Broker, Consumer, Message, Middleware, Worker
from dramatiq.broker import MessageProxy
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker

from channels.lines import hang_up, pick_up
from conversations.sending import crowding
from conversations.sending.stopping import stopping
from deliveryportal.stand_ins import StandIns

NAMESPACE = "deliveryportal"


class DatabaseConnections(Middleware):
    """Give each job a live connection, as Django does for each request."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        close_old_connections()

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        close_old_connections()


class OrderlyStop(Middleware):
    """Tell running jobs to finish the mail in hand and to claim no more.

    In place of dramatiq's own shutdown middleware, which raises in the middle of
    whatever a worker thread does: of a hand-over, at worst. A far end that has not
    answered within PATIENCE is waited for no longer, so that a deploy need not kill
    us, which would leave the whole handful in doubt instead of one mail.
    """

    PATIENCE = 12.0  # seconds

    def __init__(self) -> None:
        self._out_of_patience = threading.Timer(0, hang_up)

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        stopping.clear()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        stopping.set()
        self._out_of_patience = threading.Timer(self.PATIENCE, hang_up)
        self._out_of_patience.daemon = True
        self._out_of_patience.start()

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self._out_of_patience.cancel()
        pick_up()


class Crowding(Middleware):
    """Let whoever is at work see what has been taken from the queue and not begun."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        crowding.taken.append(worker.work_queue)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        crowding.taken.remove(worker.work_queue)


class InProcessBroker(StubBroker):
    """dramatiq's in-memory broker, bounded: without its memory of failed messages.

    A queue that is full (in a process without workers it only ever grows) takes no
    more: what is not announced now, the sweeper announces again.
    """

    FULL = 10_000

    def __init__(self, middleware: list[Middleware]) -> None:
        super().__init__(middleware, fail_fast_default=False)

    def enqueue(
        self, message: Message[object], *, delay: int | None = None
    ) -> Message[object]:
        queue = self.queues.get(message.queue_name)
        if queue is not None and queue.qsize() >= self.FULL:
            return message
        return super().enqueue(message, delay=delay)

    def emit_after(self, signal: str, *args: object, **kwargs: object) -> None:
        super().emit_after(signal, *args, **kwargs)
        if signal == "nack":
            for dead_letters in self.dead_letters_by_queue.values():
                dead_letters.clear()


class WatchfulRedisBroker(RedisBroker):
    """dramatiq's, but it never waits longer than MOST until it looks for lanes again.

    dramatiq's own waits longer and longer, in the end a second: when it has found no
    work, and also while its threads have enough. Mail is not to wait so long."""

    WATCHED = "lanes"
    MOST = 100  # milliseconds between two looks

    def consume(
        self, queue_name: str, prefetch: int = 1, timeout: int = 5000
    ) -> Consumer:
        if queue_name == self.WATCHED:
            timeout = min(timeout, self.MOST)
        return super().consume(queue_name, prefetch, timeout)


def make_broker(url: str) -> Broker:
    """Return the broker for `BROKER_URL`; an empty one means in this process.

    dramatiq's default middleware is left out on purpose: its retries would send
    again what the database says is settled, and its time limit and shutdown
    raise inside a job at any point.
    """
    middleware: list[Middleware] = [
        DatabaseConnections(),
        OrderlyStop(),
        Crowding(),
        StandIns(),
    ]
    match urlsplit(url).scheme:
        case "":
            return InProcessBroker(middleware)
        case "redis" | "rediss" | "unix":
            return WatchfulRedisBroker(  # type: ignore[no-untyped-call]
                url=url, middleware=middleware, namespace=NAMESPACE
            )
        case "amqp" | "amqps":
            return RabbitmqBroker(url=url, middleware=middleware, confirm_delivery=True)
    raise ImproperlyConfigured(
        "BROKER_URL must be empty (in process) or start with redis:// or amqp://."
    )


def ping(broker: Broker) -> None:
    """Raise, with an error of the broker's own, if the queue does not answer."""
    if isinstance(broker, RedisBroker):
        broker.client.ping()
    elif isinstance(broker, RabbitmqBroker):
        # One of its own: a thread's kept connection may be dead without knowing.
        pika.BlockingConnection(broker.parameters).close()


def bind_broker(url: str) -> None:
    """Make it the one every actor declared from now on belongs to."""
    dramatiq.set_broker(make_broker(url))
