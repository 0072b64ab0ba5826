"""The programs that the figures need, and what the system tells of a process."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.peers.postfix import Postfix
from tests.portal import ROOT, free_port, wait_until

POSTGRES = os.environ.get("BENCH_POSTGRES", "postgres://postgres@127.0.0.1:5432")
RABBIT = os.environ.get("BENCH_RABBIT", "amqp://guest:guest@127.0.0.1:5672/%2F")
REDIS = os.environ.get("BENCH_REDIS", "redis://127.0.0.1:6379/4")
PYTHON = sys.executable
TICKS = os.sysconf("SC_CLK_TCK")


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextmanager
def running(*command: str, env: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run a program in a session of its own; yield its process id, then end it."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **(env or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Postfix's server that takes everything; yield its port."""
    port = free_port()
    # It runs as root only if told who to become.
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with running("smtp-sink", *user, f"127.0.0.1:{port}", "512"):
        wait_until(lambda: listens(port))
        yield port


A_PAGE = ("-l", "4096")  # bytes of a mail that says nothing


def smtp_source(port: int, mails: int, *content: str) -> float:
    """Feed the port with nothing but bytes, in 16 sessions; return mails a second."""
    command = ["smtp-source", "-d", "-s", "16", "-m", str(mails)]
    command += ["-f", "a@bench.test", "-t", "b@customer.test", *(content or A_PAGE)]
    begun = time.perf_counter()
    subprocess.run([*command, f"127.0.0.1:{port}"], check=True, capture_output=True)
    return mails / (time.perf_counter() - begun)


def halves() -> tuple[set[int], set[int]]:
    """The processors that we may use, in two halves; one that is alone is in both."""
    mine = sorted(os.sched_getaffinity(0))
    middle = max(1, len(mine) // 2)
    return set(mine[:middle]), set(mine[middle:] or mine)


@contextmanager
def on_processors(processors: set[int]) -> Iterator[None]:
    """What is started here runs on these processors only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def database_on_processors(processors: set[int]) -> Iterator[None]:
    """Likewise the database, which somebody else has started, where it runs here."""
    with psycopg.connect(f"{POSTGRES}/postgres") as server:
        main = _parent(server.info.backend_pid)
    if main is None or Path(f"/proc/{main}/comm").read_text().strip() != "postgres":
        yield
        return
    before = os.sched_getaffinity(main)
    _move(main, processors)
    try:
        yield
    finally:
        _move(main, before)


def _move(pid: int, processors: set[int]) -> None:
    for each in family(pid):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(each, processors)


def _parent(pid: int) -> int | None:
    with suppress(OSError):
        return int(_stat(pid)[1])
    return None


@contextmanager
def postfix(sink: int) -> Iterator[Postfix | None]:
    """A Postfix that passes everything on to the sink; None where it cannot run."""
    if os.geteuid() != 0 or not shutil.which("postfix"):
        yield None
        return
    with Postfix(bounces_to=f"127.0.0.1:{sink}", sink=f"127.0.0.1:{sink}") as relay:
        yield relay


def is_drained(relay: Postfix) -> bool:
    """Whether Postfix has passed on all it took."""
    queues = (
        relay.base / "spool" / name for name in ("incoming", "active", "maildrop")
    )
    return not any(each.is_file() for queue in queues for each in queue.rglob("*"))


def fresh_database(name: str) -> str:
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        server.execute(f"CREATE DATABASE {name}")
    return f"{POSTGRES}/{name}"


def tidy(database: str) -> None:
    """What the database would do about many new rows in the next minutes."""
    with psycopg.connect(database, autocommit=True) as server:
        server.execute("VACUUM ANALYZE")
        server.execute("CHECKPOINT")


def manage(*command: str, env: Mapping[str, str]) -> None:
    subprocess.run(
        [PYTHON, "manage.py", *command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **env},
        check=True,
        capture_output=True,
    )


def family(pid: int) -> list[int]:
    """The process and all below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in family(int(child)))]


def cpu_seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICKS


def _stat(pid: int) -> list[str]:
    """What the system tells of it after its name: see proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def memory_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
