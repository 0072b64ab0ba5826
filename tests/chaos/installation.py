"""The product's processes, to be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.roles import PROGRAMS, run
from tests.portal import ROOT, free_port, wait_until
from tests.visitor import Visitor


@dataclass
class Process:
    """One role. Killed, it is started again, as a service manager would."""

    command: Sequence[str]
    env: dict[str, str]
    log: Path
    deaths: int = 0
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [PROGRAMS / self.command[0], *self.command[1:]],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                # Its children die with it: dramatiq's workers are processes of theirs.
                start_new_session=True,
            )

    def kill(self) -> None:
        self.deaths += 1
        self._signal(signal.SIGKILL)
        self.start()

    def stop(self) -> float:
        """Ask it to end; return the seconds it took."""
        begun = time.monotonic()
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(signal.SIGTERM)
            try:
                self._running.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
        return time.monotonic() - begun

    def restart(self) -> None:
        """As a deploy does: SIGTERM, wait, start."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._running is not None and self._running.poll() is None:
            os.killpg(self._running.pid, number)
            if number == signal.SIGKILL:
                self._running.wait(timeout=30)


@dataclass
class Installation:
    """All processes over one database and one queue."""

    folder: Path
    settings: dict[str, str]
    in_one: bool  # all roles in one process, as `manage.py runportal`
    preload: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.settings |= {
            "PATH": os.environ["PATH"],
            "PYTHONUNBUFFERED": "1",
            "PORT": str(self.port),
            "BASE_URL": self.url,
            "ALLOWED_HOSTS": "127.0.0.1",
        }

    def prepare(self) -> None:
        run("python", "manage.py", "migrate", "--no-input", env=self.settings)
        run("python", "manage.py", "collectstatic", "--no-input", env=self.settings)

    def start(self) -> None:
        if self.in_one:
            self._add("portal", "python", "manage.py", "runportal")
        else:
            self._add(
                "web",
                *("waitress-serve", f"--listen=127.0.0.1:{self.port}"),
                "deliveryportal.wsgi:application",
            )
            for number in (1, 2):
                self._add(
                    f"worker {number}",
                    *("dramatiq", "deliveryportal.worker"),
                    *("--processes", "1", "--threads", "2"),
                )
                self._add(f"sweeper {number}", "python", "manage.py", "sweep")
        wait_until(self.answers)

    def _add(self, name: str, *command: str) -> None:
        process = self.processes.setdefault(
            name,
            Process(command, self.settings | self.preload, self.folder / f"{name}.log"),
        )
        process.start()

    def answers(self) -> bool:
        try:
            return "Sign" in Visitor(self.url).get("/accounts/login/")
        except OSError:
            return False

    def named(self, *beginnings: str) -> list[Process]:
        return [
            process
            for name, process in self.processes.items()
            if name.startswith(beginnings)
        ]

    def deaths(self, *beginnings: str) -> int:
        return sum(process.deaths for process in self.named(*beginnings))

    def stop(self) -> float:
        """Stop all; return the longest time one took to drain."""
        return max(process.stop() for process in self.processes.values())
