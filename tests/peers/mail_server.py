"""What a mail server of the tests is, whoever wrote it: a context manager with a folder."""

from __future__ import annotations

import shutil
import smtplib
import socket
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.outside import HOST

START_SECONDS = 20
ATTEMPTS = 3  # another program may take a port between choosing and binding it


class StartError(Exception):
    """It did not start; the message ends with its log."""


class MailServer:
    """Has a folder of its own, `base`, while it runs."""

    name: str
    port: int  # for who is on the same machine: no TLS, no password

    def start(self) -> None:
        """Choose ports and listen on them; raise StartError where one is taken."""
        raise NotImplementedError

    def stop(self) -> None:
        """End whatever runs; there may be nothing."""
        raise NotImplementedError

    @property
    def log(self) -> str:
        raise NotImplementedError

    def __enter__(self) -> Self:
        # Not in pytest's folder: the server's own user must be able to pass through.
        self.base = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))
        self.base.chmod(0o755)
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    self.start()
                    break
                except StartError:
                    self.stop()
                    if attempt == ATTEMPTS:
                        raise
        except BaseException:
            shutil.rmtree(self.base, ignore_errors=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.base, ignore_errors=True)

    def wait_for(self, ports: Iterable[int], alive: Callable[[], bool]) -> None:
        """Return when each port greets; raise StartError when it is no more `alive`."""
        deadline = time.monotonic() + START_SECONDS
        while alive() and time.monotonic() < deadline:
            if all(map(_greets, ports)):
                return
            time.sleep(0.05)
        raise StartError(f"{self.name} did not start.\n{self.log}")


def free_ports(number: int) -> list[int]:
    """Return ports that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _greets(port: int) -> bool:
    try:
        with smtplib.SMTP(HOST, port, timeout=5):
            return True
    except OSError:  # smtplib's own errors are among them
        return False
