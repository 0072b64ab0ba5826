"""The database stops, the receiver dies: no bounce is lost, and each is kept once."""

from __future__ import annotations

import smtplib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from channels.return_path import new_token, return_path
from tests.peers.gate import Gate
from tests.peers.roles import Role
from tests.peers.traffic import (
    DOMAIN,
    add_deliveries,
    count_reports,
    dsn,
    installation,
)
from tests.portal import free_port, wait_until

pytestmark = pytest.mark.processes

MAILS = 1500
SENDERS = 20
FIRST = 200  # reports that are there before the trouble begins
OUTAGE = 10.0  # seconds


class Mta:
    """Twenty connections that deliver what is given, each mail until it hears 250."""

    def __init__(self, port: int, mails: list[tuple[str, bytes]]) -> None:
        self.taken: list[str] = []
        self.deferred = 0
        self.refused: list[str] = []
        self._port = port
        self._mails = deque(mails)
        self._pause = threading.Event()  # never set: only waited for
        self._threads = [threading.Thread(target=self._work) for _ in range(SENDERS)]

    def __enter__(self) -> Mta:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.finish()

    def finish(self) -> None:
        for thread in self._threads:
            thread.join(120)
            assert not thread.is_alive(), "a mail was never taken"

    def _work(self) -> None:
        while self._mails:
            try:
                self._deliver_over_one_connection()
            except OSError:  # smtplib's own errors are among them
                self._pause.wait(0.1)

    def _deliver_over_one_connection(self) -> None:
        with smtplib.SMTP("127.0.0.1", self._port, timeout=60) as smtp:
            while True:
                try:
                    path, raw = self._mails.popleft()
                except IndexError:
                    return
                try:
                    smtp.sendmail("<>", [path], raw)
                except OSError as error:
                    self._mails.append((path, raw))
                    self._note(error)
                    raise
                self.taken.append(path)

    def _note(self, error: OSError) -> None:
        self.deferred += 1
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            codes = {code for code, _ in error.recipients.values()}
        else:
            codes = {getattr(error, "smtp_code", 421)}
        self.refused += [f"{error!r}" for code in codes if not 400 <= code < 500]


@dataclass(frozen=True)
class Load:
    database: str  # not through the gate
    gate: Gate
    receiver: Role
    port: int
    mails: list[tuple[str, bytes]]

    def reports(self) -> int:
        return count_reports(self.database)

    def all_are_kept_once(self, mta: Mta) -> None:
        mta.finish()
        assert not mta.refused, mta.refused[0]
        assert len(mta.taken) == len(set(mta.taken)) == MAILS
        with psycopg.connect(self.database) as database:
            kept = database.execute(
                "SELECT return_token, raw FROM conversations_report"
            ).fetchall()
        sent = {path[1:33]: raw for path, raw in self.mails}
        assert len(kept) == MAILS
        assert {token: bytes(raw) for token, raw in kept} == sent


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    with ExitStack() as parts:
        env = parts.enter_context(installation())
        database = env["DATABASE_URL"]
        server = urlsplit(database)
        assert server.hostname
        gate = parts.enter_context(Gate((server.hostname, server.port or 5432)))
        env["DATABASE_URL"] = database.replace(
            f"@{server.netloc.rpartition('@')[2]}", f"@127.0.0.1:{gate.port}"
        )
        port = free_port()
        listen = ("--listen", f"127.0.0.1:{port}")
        receiver = parts.enter_context(
            Role(
                *("python", "manage.py", "receivebounces", *listen),
                env=env,
                log=tmp_path / "receiver.log",
                ready="Receiving bounces",
            )
        )
        tokens = [new_token() for _ in range(MAILS)]
        add_deliveries(database, tokens)
        mails = [(return_path(t, DOMAIN), dsn(n)) for n, t in enumerate(tokens)]
        yield Load(database, gate, receiver, port, mails)


@pytest.mark.parametrize("stop", [Gate.cut, Gate.hold])
def test_a_database_that_stops_for_ten_seconds_loses_no_bounce(
    load: Load, stop: Callable[[Gate], None]
) -> None:
    with Mta(load.port, load.mails) as mta:
        wait_until(lambda: load.reports() >= FIRST)
        stop(load.gate)
        before = load.reports()
        assert before < MAILS, "it stopped too late to mean anything"
        threading.Event().wait(OUTAGE)  # that long, whatever happens
        # What was under way when it stopped may still be there.
        assert load.reports() <= before + SENDERS
        load.gate.open()
        load.all_are_kept_once(mta)
    assert mta.deferred or stop is Gate.hold


def test_a_receiver_that_is_killed_loses_no_bounce(load: Load) -> None:
    with Mta(load.port, load.mails) as mta:
        for kill in range(3):
            wait_until(lambda at=FIRST * (kill + 1): load.reports() >= at)  # type: ignore[misc]
            assert load.reports() < MAILS, "it was killed too late to mean anything"
            load.receiver.kill()
            load.receiver.start()
        load.all_are_kept_once(mta)
    assert mta.deferred
