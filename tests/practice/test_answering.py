from __future__ import annotations

import smtplib
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import Envelope
from django.db import OperationalError
from django.utils.timezone import now

from channels.return_path import new_token, return_path
from deliveryportal.practice import answering
from deliveryportal.practice.models import PracticeMail
from deliveryportal.practice.relay import PracticeRelay
from tests.practice.conftest import LETTER, PATIENCE, BounceReceiver

SENDER = return_path(new_token(), "bounce.portal.test")


def report_in(envelope: Envelope) -> EmailMessage:
    assert isinstance(envelope.original_content, bytes)
    report = message_from_bytes(envelope.original_content, policy=policy.default)
    assert isinstance(report, EmailMessage)
    return report


def wait_until_nothing_is_owed() -> None:
    until = time.monotonic() + PATIENCE
    while PracticeMail.objects.exclude(answer="").exists():
        assert time.monotonic() < until, "an answer is still owed"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("local_part", "status"), [("late-unknown", "5.1.1"), ("late-bounce", "5.2.2")]
)
def test_a_late_bounce_comes_to_the_return_path(
    smtp: smtplib.SMTP,
    bounce_receiver: BounceReceiver,
    quicken: Callable[..., None],
    local_part: str,
    status: str,
) -> None:
    quicken(local_part, answer_after=timedelta(seconds=0.1))
    smtp.sendmail(SENDER, f"{local_part}@customer.test", LETTER)

    envelope = bounce_receiver.next_mail()

    assert envelope.mail_from in {"", "<>"}
    assert envelope.rcpt_tos == [SENDER]
    assert f"Status: {status}" in report_in(envelope).as_string()
    wait_until_nothing_is_owed()


def test_a_complaint_comes_to_the_return_path(
    smtp: smtplib.SMTP, bounce_receiver: BounceReceiver, quicken: Callable[..., None]
) -> None:
    quicken("complaint", answer_after=timedelta())
    smtp.sendmail(SENDER, "complaint@customer.test", LETTER)

    envelope = bounce_receiver.next_mail()

    assert envelope.rcpt_tos == [SENDER]
    assert report_in(envelope).get_param("report-type") == "feedback-report"


def test_mail_is_not_answered_before_its_time(
    smtp: smtplib.SMTP, bounce_receiver: BounceReceiver, quicken: Callable[..., None]
) -> None:
    quicken("late-bounce", answer_after=timedelta(hours=1))
    smtp.sendmail(SENDER, "late-bounce@customer.test", LETTER)
    smtp.sendmail(SENDER, "late-unknown@customer.test", LETTER)

    assert "Status: 5.1.1" in report_in(bounce_receiver.next_mail()).as_string()
    assert PracticeMail.objects.get(answer="late-bounce").answer_due is not None


def test_mail_from_the_null_sender_is_never_answered(smtp: smtplib.SMTP) -> None:
    smtp.sendmail("", "late-unknown@customer.test", LETTER)

    mail = PracticeMail.objects.get()
    assert (mail.envelope_sender, mail.answer) == ("", "")


def test_a_restart_forgets_no_answer(
    start_relay: Callable[[tuple[str, int]], PracticeRelay],
    client_of: Callable[[PracticeRelay], smtplib.SMTP],
    bounce_receiver: BounceReceiver,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody_there = closed.getsockname()
    first = start_relay(nobody_there)
    client_of(first).sendmail(SENDER, "late-unknown@customer.test", LETTER)
    first.stop()
    assert PracticeMail.objects.get().answer == "late-unknown"

    start_relay(("127.0.0.1", bounce_receiver.port))

    assert bounce_receiver.next_mail().rcpt_tos == [SENDER]
    wait_until_nothing_is_owed()


def test_a_receiver_that_says_later_gets_the_same_answer_again(
    smtp: smtplib.SMTP, bounce_receiver: BounceReceiver, quicken: Callable[..., None]
) -> None:
    quicken("late-unknown", answer_after=timedelta())
    bounce_receiver.replies = ["451 4.3.0 Database away"]
    smtp.sendmail(SENDER, "late-unknown@customer.test", LETTER)

    first, second = bounce_receiver.next_mail(), bounce_receiver.next_mail()

    assert first.original_content == second.original_content
    wait_until_nothing_is_owed()
    assert bounce_receiver.mails.empty()


def test_an_answer_that_is_refused_is_given_up(
    smtp: smtplib.SMTP, bounce_receiver: BounceReceiver, quicken: Callable[..., None]
) -> None:
    quicken("late-unknown", answer_after=timedelta())
    bounce_receiver.replies = ["550 5.1.1 No such return path"]
    smtp.sendmail(SENDER, "late-unknown@customer.test", LETTER)

    bounce_receiver.next_mail()

    wait_until_nothing_is_owed()
    assert bounce_receiver.mails.empty()


def test_a_stop_does_not_wait_for_a_receiver_that_says_nothing(
    start_relay: Callable[[tuple[str, int]], PracticeRelay],
    client_of: Callable[[PracticeRelay], smtplib.SMTP],
    quicken: Callable[..., None],
) -> None:
    quicken("late-unknown", answer_after=timedelta())
    with socket.create_server(("127.0.0.1", 0)) as mute:
        mute.settimeout(PATIENCE)
        relay = start_relay(mute.getsockname())
        client_of(relay).sendmail(SENDER, "late-unknown@customer.test", LETTER)
        connection, _ = mute.accept()
        with connection:
            begun = time.monotonic()
            relay.stop()
            assert time.monotonic() - begun < 1

    assert PracticeMail.objects.get().answer == "late-unknown"


def test_a_database_that_comes_back_is_looked_into_again(
    smtp: smtplib.SMTP,
    bounce_receiver: BounceReceiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failures = [OperationalError("gone"), OperationalError("still gone")]

    def now_if_it_answers() -> datetime:
        if failures:
            raise failures.pop()
        return now()

    monkeypatch.setattr(answering, "now", now_if_it_answers)
    smtp.sendmail(SENDER, "late-unknown@customer.test", LETTER)

    assert bounce_receiver.next_mail().rcpt_tos == [SENDER]
    assert not failures
    wait_until_nothing_is_owed()
