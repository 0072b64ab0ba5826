"""The whole product in one process: web, workers, sweeper, bounce receiver.

In practice mode also the practice relay. Each part is the one that production
runs as a process of its own; only their arrangement is here.
"""

from __future__ import annotations

import fcntl
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dramatiq
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from dramatiq import Worker
from waitress import wasyncore
from waitress.server import BaseWSGIServer, create_server

from conversations.bounces.receiver import BounceReceiver, host_and_port
from conversations.bounces.tls import tls_context
from conversations.sending.stopping import stopping
from conversations.sending.turns import announce_all_again
from conversations.sweeper import sweep_until
from conversations.sweeping import end_all_leases
from deliveryportal.broker import InProcessBroker
from deliveryportal.collecting import collect_seldom
from deliveryportal.practice.relay import PracticeRelay

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"


def trust_in_proxies() -> dict[str, Any]:
    """What waitress is to believe of a proxy's headers; it removes all others.

    The proxy is on this machine, as nobody else can connect. Where the site has an
    https:// address, the proxy says how it was asked; TRUSTED_PROXIES say for whom.
    """
    proxies = settings.ALLAUTH_TRUSTED_PROXY_COUNT
    headers = {"x-forwarded-proto"} if settings.HTTPS else set()
    if proxies:
        headers.add("x-forwarded-for")
    if not headers:
        return {"clear_untrusted_proxy_headers": True}
    return {
        "trusted_proxy": HOST,
        "trusted_proxy_headers": headers,
        "trusted_proxy_count": proxies or 1,
        "clear_untrusted_proxy_headers": True,
    }


class CannotStartError(Exception):
    """The message is one sentence for the terminal."""


class Runner:
    """Starts everything, serves until `stop`, then finishes what is in hand."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._parts = ExitStack()
        self._web: BaseWSGIServer | None = None
        self._leaving = False
        self._hurry: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Start every part; raise CannotStartError, with nothing left running."""
        with ExitStack() as parts:
            listening = self._listen()
            parts.callback(listening.close)
            self._claim_database(parts)
            call_command("migrate", interactive=False, verbosity=0)
            self._end_what_a_dead_one_left()
            receiver = self._receive_bounces(parts)
            if settings.PRACTICE:
                self._practise(parts, receiver)
            self._sweep(parts)
            self._work(parts)
            self._web = create_server(
                get_wsgi_application(),
                sockets=[listening],
                threads=8,
                max_request_body_size=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
                ident=None,
                **trust_in_proxies(),
            )
            parts.callback(self._web.close)
            collect_seldom()
            self._parts = parts.pop_all()

    def serve(self) -> None:
        """Answer requests until asked to `leave`."""
        web = self._web
        assert web is not None
        while not self._leaving:
            wasyncore.loop(
                timeout=web.adj.asyncore_loop_timeout,
                map=web._map,
                use_poll=web.adj.asyncore_use_poll,
                count=1,
            )
        web.task_dispatcher.shutdown()

    def leave(self) -> None:
        """End `serve`. Handlers of signals call it instead of raising: what they
        interrupt, a finalizer say, may swallow an exception, and the signal with it."""
        self._leaving = True
        if self._web is not None:
            self._web.pull_trigger()  # out of waiting for requests

    def stop(self) -> None:
        """Finish what is in hand, begin nothing new."""
        stopping.set()
        self._hurry()
        self._parts.close()

    # --- parts, in the order in which they depend on each other -------------

    def _listen(self) -> socket.socket:
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, self.port))
        except OSError:
            listening.close()
            raise CannotStartError(
                f"Port {self.port} is in use. Choose another: PORT=8001 make run"
            ) from None
        return listening

    def _claim_database(self, parts: ExitStack) -> None:
        """Let one runner at a time use a SQLite file.

        On PostgreSQL several may run, behind a load balancer say.
        """
        if connection.vendor != "sqlite":
            return
        path = Path(f"{connection.settings_dict['NAME']}.lock")
        lock = parts.enter_context(path.open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CannotStartError(
                "DeliveryPortal already runs on this database "
                f"({connection.settings_dict['NAME']}). Stop it first."
            ) from None

    def _end_what_a_dead_one_left(self) -> None:
        """Settle what it had in hand at once, instead of when its lease runs out.

        Only where it is certain that no worker holds any lease: the file is ours, and
        no queue leads to workers elsewhere.
        """
        in_process = isinstance(dramatiq.get_broker(), InProcessBroker)
        if in_process and connection.vendor == "sqlite":
            end_all_leases()

    def _receive_bounces(self, parts: ExitStack) -> BounceReceiver:
        host, port = host_and_port(settings.BOUNCE_LISTEN)
        receiver = BounceReceiver(
            host=host,
            port=port,
            # The practice relay speaks SMTP only.
            protocol="smtp" if settings.PRACTICE else settings.BOUNCE_PROTOCOL,
            size_limit=settings.BOUNCE_SIZE_LIMIT,
            tls=tls_context(),
            # Nor does it speak TLS.
            tls_required=settings.BOUNCE_TLS_REQUIRED and not settings.PRACTICE,
        )
        self._begin(parts, receiver.start, receiver.stop, "BOUNCE_LISTEN")
        return receiver

    def _practise(self, parts: ExitStack, receiver: BounceReceiver) -> None:
        relay = PracticeRelay(bounces_to=receiver.address)
        self._begin(parts, relay.start, relay.stop, "the practice relay")
        self._hurry = relay.hurry
        logger.info("The practice relay is on %s", relay.url)
        # Known only now, and to this process alone.
        settings.PORTAL_RELAY_URL = relay.url

    def _begin(
        self,
        parts: ExitStack,
        start: Callable[[], None],
        stop: Callable[[], None],
        what: str,
    ) -> None:
        try:
            start()
        except OSError as error:
            raise CannotStartError(
                f"The address of {what} cannot be used: {error.strerror or error}."
            ) from None
        parts.callback(stop)

    def _sweep(self, parts: ExitStack) -> None:
        stop = threading.Event()
        thread = threading.Thread(target=sweep_until, args=[stop], name="sweeper")
        thread.start()
        parts.callback(thread.join)
        parts.callback(stop.set)

    def _work(self, parts: ExitStack) -> None:
        broker = dramatiq.get_broker()
        broker.emit_after("process_boot")
        announce_all_again()
        worker = Worker(
            broker, worker_threads=settings.WORKER_THREADS, worker_timeout=100
        )
        worker.start()
        parts.callback(worker.stop)
