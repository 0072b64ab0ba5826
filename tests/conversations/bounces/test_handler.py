"""The receiver's answers over real connections; the MTA is smtplib."""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.db import connection, connections

from channels.return_path import new_token, return_path
from conversations.bounces import handler, receiving
from conversations.bounces.receiver import BounceReceiver
from conversations.bounces.recording import record_report
from conversations.models import Delivery, Report
from tests.conversations.bounces.conftest import (
    BOUNCE,
    bring,
    reports_locked,
)

pytestmark = pytest.mark.django_db(transaction=True)


def refusal(error: pytest.ExceptionInfo[smtplib.SMTPRecipientsRefused]) -> str:
    ((code, words),) = error.value.recipients.values()
    return f"{code} {words.decode()}"


@pytest.mark.parametrize("sender", ["", "<>", "mailer-daemon@mx.test", "MAILER-DAEMON"])
def test_a_bounce_is_stored_and_recorded_whoever_it_says_it_is_from(
    receiver: BounceReceiver, delivery: Delivery, path: str, sender: str
) -> None:
    bring(receiver, path, sender=sender)

    # 250 has been said: it is there.
    report = Report.objects.get()
    assert bytes(report.raw) == BOUNCE
    assert report.return_token == delivery.return_token
    assert (report.source, report.state) == ("smtp", Report.State.UNREAD)

    record_report(report.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == ("bounced", "address_unknown")


def test_a_return_path_is_known_in_any_case(
    receiver: BounceReceiver, path: str
) -> None:
    bring(receiver, path.upper())
    assert Report.objects.count() == 1


def test_the_same_bounce_twice_is_taken_twice_and_kept_once(
    receiver: BounceReceiver, path: str
) -> None:
    bring(receiver, path)
    bring(receiver, path)
    assert Report.objects.count() == 1


def test_one_connection_brings_many(receiver: BounceReceiver, path: str) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        for number in range(5):
            mta.sendmail("<>", [path], BOUNCE + b"%d" % number)
    assert Report.objects.count() == 5


def test_bytes_that_are_no_text_are_taken(receiver: BounceReceiver, path: str) -> None:
    raw = b"Subject: \0\xff\r\n\r\n.\r\n" + bytes(range(14, 256)) + b"\r\n"
    bring(receiver, path, raw)
    assert bytes(Report.objects.get().raw) == raw


@pytest.mark.parametrize(
    "address",
    [
        "b" + "0" * 32 + "@" + settings.BOUNCE_DOMAIN,
        "b" + "0" * 31 + "@" + settings.BOUNCE_DOMAIN,
        "postmaster@elsewhere.test",
        "info@" + settings.BOUNCE_DOMAIN,
        "somebody@elsewhere.test",
        "nobody",
        "ü@" + settings.BOUNCE_DOMAIN,
    ],
)
def test_a_forged_return_path_is_refused(
    receiver: BounceReceiver, delivery: Delivery, address: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.send(f"RCPT TO:<{address}>\r\n".encode())
        code, words = mta.getreply()
    assert (code, words[:5]) == (550, b"5.1.1")
    assert not Report.objects.exists()


def test_the_token_of_one_delivery_at_another_domain_is_refused(
    receiver: BounceReceiver, delivery: Delivery
) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as error:
        bring(receiver, return_path(delivery.return_token, "elsewhere.test"))
    assert refusal(error).startswith("550 5.1.1")


def test_a_bounce_for_a_deleted_message_is_refused(
    receiver: BounceReceiver, delivery: Delivery, path: str
) -> None:
    delivery.message.delete()
    with pytest.raises(smtplib.SMTPRecipientsRefused) as error:
        bring(receiver, path)
    assert refusal(error).startswith("550 5.1.1")


def test_a_bounce_for_a_message_deleted_while_it_comes_is_kept(
    receiver: BounceReceiver, delivery: Delivery, path: str
) -> None:
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        delivery.message.delete()
        assert mta.data(BOUNCE)[0] == 250
    record_report(Report.objects.get().pk)
    assert Report.objects.get().state == Report.State.READ


def test_one_bad_recipient_does_not_spoil_a_good_one(
    receiver: BounceReceiver, path: str
) -> None:
    forged = return_path(new_token(), settings.BOUNCE_DOMAIN)
    with smtplib.SMTP(*receiver.address, timeout=10) as mta:
        refused = mta.sendmail("<>", [forged, path], BOUNCE)
    assert list(refused) == [forged]
    assert Report.objects.count() == 1


@contextmanager
def database_gone() -> Iterator[None]:
    """New connections fail, as with a database that was stopped."""
    config = connections.databases["default"]
    there = dict(config)
    if connection.vendor == "sqlite":
        config["NAME"] = "/nonexistent/portal.sqlite3"
    else:
        config["PORT"] = "9"
    try:
        yield
    finally:
        config.update(there)


def test_without_a_database_it_asks_to_come_again(
    receiver: BounceReceiver, path: str
) -> None:
    with database_gone(), pytest.raises(smtplib.SMTPRecipientsRefused) as error:
        bring(receiver, path)
    assert refusal(error).startswith("451 4.3.0")

    bring(receiver, path)  # as every MTA does
    record_report(Report.objects.get().pk)
    assert Delivery.objects.get().state == "bounced"


def test_a_report_that_cannot_be_stored_in_time_comes_again_and_counts_once(
    receiver: BounceReceiver,
    delivery: Delivery,
    path: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handler, "DATABASE_PATIENCE", 0.5)
    with reports_locked(), smtplib.SMTP(*receiver.address, timeout=10) as mta:
        mta.ehlo()
        mta.mail("<>")
        mta.rcpt(path)
        code, words = mta.data(BOUNCE)
        assert (code, words[:5]) == (451, b"4.3.0")

    monkeypatch.setattr(handler, "DATABASE_PATIENCE", 20)
    bring(receiver, path)
    record_report(Report.objects.get().pk)
    delivery.refresh_from_db()
    assert delivery.state == "bounced"
    assert delivery.events.count() == 1


def test_a_fault_of_ours_asks_to_come_again(
    receiver: BounceReceiver, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*args: object) -> None:
        raise ArithmeticError

    monkeypatch.setattr(receiving, "receive", stumble)
    with pytest.raises(smtplib.SMTPDataError) as error:
        bring(receiver, path)
    assert error.value.smtp_code == 451


def test_a_queue_that_hangs_keeps_nobody_waiting(
    receiver: BounceReceiver, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    monkeypatch.setattr(receiving, "announce_reports", lambda _: goes_on.wait(30))
    began = time.monotonic()
    bring(receiver, path)
    bring(receiver, path, BOUNCE + b"another")
    assert time.monotonic() - began < 10
    goes_on.set()
    assert Report.objects.count() == 2
