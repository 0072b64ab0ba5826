from __future__ import annotations

import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from deliveryportal.runner import CannotStartError, Runner


class Command(BaseCommand):
    help = "Runs the whole product in one process."

    def handle(self, *args: Any, **options: Any) -> None:
        runner = Runner(settings.PORT)
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: runner.leave())
        try:
            runner.start()
        except CannotStartError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"DeliveryPortal is on {settings.BASE_URL}")
        if settings.PRACTICE:
            self.stdout.write(
                "Practice mode: nothing leaves this machine by Portal servers."
            )
        self.stdout.write("Stop with Ctrl-C.")
        self.stdout.flush()
        try:
            runner.serve()
            self.stdout.write("\nStopping: finishing what is in hand.")
        finally:
            runner.stop()
