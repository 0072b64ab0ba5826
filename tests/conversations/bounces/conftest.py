from __future__ import annotations

import io
import smtplib
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils.timezone import now

from channels.return_path import return_path
from conversations.bounces.receiver import BounceReceiver
from conversations.models import Delivery
from deliveryportal.accounts.models import User

MAILS = Path(__file__).parents[2] / "data" / "bounces"
SIZE_LIMIT = 200_000
Start = Callable[..., BounceReceiver]
Pipe = Callable[..., tuple[object, str]]


def mail(name: str) -> bytes:
    return (MAILS / f"{name}.eml").read_bytes()


BOUNCE = mail("unknown_user").replace(b"\n", b"\r\n")


def bring(
    receiver: BounceReceiver, to: str, raw: bytes = BOUNCE, sender: str = "<>"
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.sendmail(sender, [to], raw)


@contextmanager
def reports_locked() -> Iterator[None]:
    """Nobody can write a report, as with a database that hangs."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        other = sqlite3.connect(config["NAME"], isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
    else:
        with psycopg.connect(
            dbname=config["NAME"],
            user=config["USER"],
            password=config["PASSWORD"],
            host=config["HOST"],
            port=config["PORT"],
        ) as locking:
            locking.execute("LOCK TABLE conversations_report")
            yield


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def delivery(alice: User, make_delivery: Callable[..., Delivery]) -> Delivery:
    """One that the next server has taken."""
    return make_delivery(
        alice,
        "nina@customer.test",
        state=Delivery.State.ACCEPTED,
        accepted_at=now(),
        remote_words="OK, queued",
    )


@pytest.fixture
def path(delivery: Delivery) -> str:
    """The return path of the delivery."""
    return return_path(delivery.return_token, settings.BOUNCE_DOMAIN)


@pytest.fixture
def start_receiver(transactional_db: None) -> Iterator[Start]:
    with ExitStack() as running:

        def start(protocol: str = "smtp", **tls: Any) -> BounceReceiver:
            receiver = BounceReceiver(
                host="127.0.0.1",
                port=0,
                protocol=protocol,
                size_limit=SIZE_LIMIT,
                **tls,
            )
            receiver.start()
            running.callback(receiver.stop)
            return receiver

        yield start


@pytest.fixture
def receiver(start_receiver: Start) -> BounceReceiver:
    return start_receiver()


@pytest.fixture
def pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str]]:
    """Run the command as an MTA does; return its exit code and what it says."""

    def run(raw: bytes, *options: str) -> tuple[object, str]:
        stdin = io.TextIOWrapper(io.BytesIO(raw))
        monkeypatch.setattr(sys, "stdin", stdin)
        code: object = 0
        try:
            call_command("ingestbounce", *options)
        except SystemExit as leaving:
            code = leaving.code
        return code, capsys.readouterr().err

    return run
