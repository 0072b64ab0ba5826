"""The whole product as a stranger starts it: `manage.py runportal` in a process.

Driven over HTTP as a `Visitor`; looked into through its SQLite file.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.visitor import Visitor

ROOT = Path(__file__).parent.parent


# Below those that the system gives to outgoing connections: one of them could take
# a port between its choice and its use.
PORTS = range(15_000, 32_000)


def free_port() -> int:
    # Not the seeded generator: tests that run side by side would draw the same.
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a hundred ports are taken")


def wait_until(condition: Callable[[], object], *, seconds: float = 60) -> None:
    """Wait for `condition`; AssertionError, naming it, if it stays false."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {condition}"
        time.sleep(0.02)


class Portal(Visitor):
    """One installation in `folder`; may be started, killed and started again."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.database = folder / "portal.sqlite3"
        self.log = folder / "portal.log"
        self._env = {
            "PATH": os.environ["PATH"],
            "PYTHONUNBUFFERED": "1",
            "PORT": str(self.port),
            "UNDO_SECONDS": "0",
            "DATABASE_URL": f"sqlite:///{self.database}",
            **env,
        }
        self._process: subprocess.Popen[bytes] | None = None

    # --- its process --------------------------------------------------------

    def start(self) -> float:
        """Start it; return the seconds to the first answered request."""
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "runportal"],
                cwd=ROOT,
                env=self._env,
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers)
        return time.monotonic() - begun

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        try:
            return "Sign" in self.get("/accounts/login/")
        except OSError:
            return False

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Send the signal; return the seconds until the process has ended."""
        begun = time.monotonic()
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=180)
            self._process = None
        return time.monotonic() - begun

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # --- its database -------------------------------------------------------

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def count(self, *states: str) -> int:
        """Return the number of deliveries in these states; in any, if none given."""
        where = f"WHERE state IN ({', '.join(map(repr, states))})" if states else ""
        found = self.rows(f"SELECT count(*) FROM conversations_delivery {where}")
        number = found[0][0]
        assert isinstance(number, int)
        return number
