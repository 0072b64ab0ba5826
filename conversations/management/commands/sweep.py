from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from conversations.sweeper import sweep_until
from conversations.sweeping import sweep


class Command(BaseCommand):
    help = (
        "Finds due mail, expired leases and unread reports that nobody works on. "
        "Run one or several, always."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="One round, then exit.")

    def handle(self, *args: Any, once: bool, **options: Any) -> None:
        if once:
            self.stdout.write(f"{sweep()}.")
            return
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("Sweeping. Stop with Ctrl-C.")
        sweep_until(stop)
