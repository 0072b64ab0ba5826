"""Servers of the rig's own, to be stopped and emptied: PostgreSQL and Redis."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
import redis

from tests.portal import free_port, wait_until


class StoreMissingError(Exception):
    """A server program this machine would need is not installed."""


def _program(name: str) -> str:
    newest_first = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True
    )
    found = next((str(path) for path in newest_first), None) or shutil.which(name)
    if found is None:
        raise StoreMissingError(f"{name} is not installed (postgresql, redis-server).")
    return found


class OwnPostgres:
    """A cluster in `folder`. It refuses to run as root, so root lends it to postgres."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "postgres"
        self._as = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        self.port = free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/chaos"

    def __enter__(self) -> Self:
        self._data.mkdir(mode=0o700)
        if self._as:
            shutil.chown(self._data, "postgres")
            self._data.parent.chmod(0o755)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8"]
        self._run(_program("initdb"), "-D", str(self._data), *options)
        self._control("start")
        with psycopg.connect(
            self.url.replace("/chaos", "/postgres"), autocommit=True
        ) as server:
            server.execute("CREATE DATABASE chaos")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._control("stop", "-m", "immediate")

    def restart(self) -> None:
        """As after a power cut: what was not committed is gone."""
        self._control("stop", "-m", "immediate")
        self._control("start")

    def _control(self, action: str, *options: str) -> None:
        settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        )
        start = (
            ["-o", settings, "-l", str(self._data / "log")] if action == "start" else []
        )
        self._run(
            _program("pg_ctl"), "-D", str(self._data), "-w", action, *start, *options
        )

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            [*self._as, *command],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert done.returncode == 0, done.stderr.decode()


class OwnRedis:
    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = redis.Redis.from_url(self.url)

    def __enter__(self) -> Self:
        options = ["--port", str(self.port), "--save", "", "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(
            [_program("redis-server"), *options], stdout=subprocess.DEVNULL
        )
        wait_until(self._answers)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.client.close()
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False
