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

THREADS = 4  # that send mail, in all workers together


@dataclass
class Process:
    """One role. Killed, it is started again, as a service manager would."""

    command: Sequence[str]
    env: dict[str, str]
    log: Path
    threads: int  # that send, each with one lease at a time
    deaths: int = 0
    # Leases whose holder was killed or stood still while their time ran out.
    leases_lost: int = 0
    slowest_stop: float = 0.0  # seconds, after SIGTERM
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
        self._die()
        self.start()

    def _die(self) -> None:
        self.deaths += 1
        self.lose_leases()
        self._signal(signal.SIGKILL)

    def lose_leases(self) -> None:
        self.leases_lost += self.threads

    def ask_to_stop(self) -> None:
        # Each of its processes, as service managers do.
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """As a deploy does: SIGTERM, and wait."""
        self.ask_to_stop()
        self.wait_for_its_end()

    def wait_for_its_end(self) -> None:
        begun = time.monotonic()
        try:
            if self._running is not None:
                self._running.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._die()
        self.slowest_stop = max(self.slowest_stop, time.monotonic() - begun)

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
            self._add("portal", THREADS, "python", "manage.py", "runportal")
        else:
            self._add(
                *("web", 0, "waitress-serve", f"--listen=127.0.0.1:{self.port}"),
                "deliveryportal.wsgi:application",
            )
            for number in (1, 2):
                self._add(
                    *(f"worker {number}", THREADS // 2),
                    *("dramatiq", "deliveryportal.worker"),
                    *("--processes", "1", "--threads", str(THREADS // 2)),
                )
                self._add(f"sweeper {number}", 0, "python", "manage.py", "sweep")
        wait_until(self.answers)

    def _add(self, name: str, threads: int, *command: str) -> None:
        process = self.processes.setdefault(
            name,
            Process(
                command,
                self.settings | self.preload,
                self.folder / f"{name}.log",
                threads,
            ),
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

    @property
    def those_that_send(self) -> list[Process]:
        return [process for process in self.processes.values() if process.threads]

    @property
    def slowest_stop(self) -> float:
        return max(process.slowest_stop for process in self.processes.values())

    def stop(self) -> None:
        """Ask all at once, as a machine does that is shut down."""
        for process in self.processes.values():
            process.ask_to_stop()
        for process in self.processes.values():
            process.wait_for_its_end()
