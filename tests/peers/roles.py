"""The product's roles as production runs them: one process each."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.portal import ROOT, wait_until

PROGRAMS = Path(sys.executable).parent


def run(*command: str, env: dict[str, str]) -> None:
    """Run one of the programs beside Python to its end; it must succeed."""
    done = subprocess.run(
        [PROGRAMS / command[0], *command[1:]],
        cwd=ROOT,
        env=_whole(env),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def collect_static(env: dict[str, str]) -> None:
    """Fill var/static, once in a run of the tests: all its workers share that folder."""
    this_run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"process {os.getpid()}")
    folder = ROOT / "var"
    folder.mkdir(exist_ok=True)
    with (folder / "static.collected").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        if lock.read() != this_run:
            run("python", "manage.py", "collectstatic", "--no-input", env=env)
            lock.truncate(0)
            lock.write(this_run)


class Role:
    """A process that is ready once its output matches `ready`."""

    def __init__(
        self, *command: str, env: dict[str, str], log: Path, ready: str
    ) -> None:
        self.command = command
        self.env = env
        self.log = log
        self.ready = re.compile(ready)

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def announced(self) -> re.Match[str]:
        """What it said when it was ready."""
        found = self.ready.search(self.output)
        assert found
        return found

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAMS / self.command[0], *self.command[1:]],
                cwd=ROOT,
                env=_whole(self.env),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_until(self._is_ready)
        except BaseException:
            self.stop()
            raise

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, self.output
        return bool(self.ready.search(self.output))

    def stop(self) -> int:
        """Ask it to end as a service manager does; return its exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self.stop()


def _whole(env: dict[str, str]) -> dict[str, str]:
    """Nothing of the tests' own environment configures the product."""
    return {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **env}
