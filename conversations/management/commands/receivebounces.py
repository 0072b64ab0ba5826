from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.bounces.receiver import BounceReceiver, host_and_port
from conversations.bounces.tls import tls_context


class Command(BaseCommand):
    help = (
        "Receives bounces at BOUNCE_LISTEN: by SMTP as the MX of BOUNCE_DOMAIN, or by "
        "LMTP from a local MTA. Run one or several."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--listen",
            default=settings.BOUNCE_LISTEN,
            metavar="HOST:PORT",
            help="Instead of BOUNCE_LISTEN; port 0 takes a free one.",
        )
        parser.add_argument(
            "--protocol",
            choices=["smtp", "lmtp"],
            default=settings.BOUNCE_PROTOCOL,
            help="Instead of BOUNCE_PROTOCOL.",
        )

    def handle(self, *args: Any, listen: str, protocol: str, **options: Any) -> None:
        receiver = self._start(listen, protocol)
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        host, port = receiver.address
        self.stdout.write(
            f"Receiving bounces for {settings.BOUNCE_DOMAIN} by {protocol.upper()} "
            f"on {host}:{port}. Stop with Ctrl-C."
        )
        self.stdout.flush()
        stop.wait()
        receiver.stop()

    def _start(self, listen: str, protocol: str) -> BounceReceiver:
        try:
            host, port = host_and_port(listen)
            receiver = BounceReceiver(
                host=host,
                port=port,
                protocol=protocol,
                size_limit=settings.BOUNCE_SIZE_LIMIT,
                tls=tls_context(),
                tls_required=settings.BOUNCE_TLS_REQUIRED,
            )
            receiver.start()
        except ValueError as error:
            raise CommandError(f"{error}") from None
        except OSError as error:
            raise CommandError(
                f"Cannot listen on {listen}: {error.strerror}."
            ) from None
        return receiver
