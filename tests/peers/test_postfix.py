"""The test server itself: is it the real thing it is taken for?"""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.peers.outside import HOST
from tests.peers.postfix import (
    A_MINUTE,
    PASSWORD,
    USER,
    Postfix,
    require_postfix,
)
from tests.peers.sink import Sink

pytestmark = pytest.mark.postfix

RETURN_PATH = "b0123456789abcdef0123456789abcdef@bounce.portal.test"
LETTER = b"From: alice@acme.test\r\nTo: you\r\nSubject: Hello\r\n\r\nHow are you?\r\n"


def send(postfix: Postfix, recipient: str) -> None:
    with smtplib.SMTP(HOST, postfix.ports.plain, timeout=30) as smtp:
        smtp.sendmail(RETURN_PATH, [recipient], LETTER)


def test_it_starts_within_three_seconds(sink: Sink) -> None:
    require_postfix()
    address = f"{HOST}:{sink.port}"
    begun = time.monotonic()
    with Postfix(bounces_to=address, sink=address):
        assert time.monotonic() - begun < 3


def test_two_run_side_by_side(postfix: Postfix, sink: Sink) -> None:
    address = f"{HOST}:{sink.port}"
    with Postfix(bounces_to=address, sink=address) as another:
        send(another, "anna@customer.test")
        send(postfix, "bert@customer.test")
        sink.wait_for(lambda mail: mail.recipients == ("anna@customer.test",))
        sink.wait_for(lambda mail: mail.recipients == ("bert@customer.test",))


def test_accepted_mail_arrives_as_it_was_sent(postfix: Postfix, sink: Sink) -> None:
    send(postfix, "anna@mx.test")
    mail = sink.wait_for()
    assert mail.sender == RETURN_PATH
    assert mail.recipients == ("anna@mx.test",)
    assert mail.message["Subject"] == "Hello"
    assert mail.content.endswith(b"\r\n\r\nHow are you?\r\n")


@pytest.mark.parametrize(
    ("local_part", "status", "words"),
    [
        ("unknown", "5.1.1", "does not exist"),
        ("full", "5.2.2", "mailbox is full"),
        ("policy", "5.7.1", "our policy"),
        ("late", "5.1.1", "as it turned out"),
    ],
)
def test_refused_mail_comes_back_as_a_report(
    postfix: Postfix, bounces: Sink, local_part: str, status: str, words: str
) -> None:
    send(postfix, f"{local_part}@mx.test")
    mail = bounces.wait_for()
    assert mail.sender == ""
    assert mail.recipients == (RETURN_PATH,)
    report = mail.message
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    _, details, _ = report.iter_parts()
    _, about_message, about_recipient = details.walk()
    assert about_message["Reporting-MTA"]
    assert about_recipient["Action"] == "failed"
    assert about_recipient["Status"] == status
    assert words in " ".join(about_recipient["Diagnostic-Code"].split())


@pytest.mark.parametrize(("local_part", "code"), [("refused", 550), ("later", 450)])
def test_the_relay_itself_refuses_on_the_spot(
    postfix: Postfix, local_part: str, code: int
) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        send(postfix, f"{local_part}@customer.test")
    assert refusal.value.recipients[f"{local_part}@customer.test"][0] == code


def test_signed_in_after_starttls(postfix: Postfix, sink: Sink) -> None:
    context = ssl.create_default_context(cafile=str(postfix.certificate))
    with smtplib.SMTP(HOST, postfix.ports.submission, timeout=30) as smtp:
        with pytest.raises(smtplib.SMTPException):
            smtp.sendmail(RETURN_PATH, ["anna@customer.test"], LETTER)
        smtp.starttls(context=context)
        smtp.login(USER, PASSWORD)
        smtp.sendmail(RETURN_PATH, ["anna@customer.test"], LETTER)
    sink.wait_for()


def test_signed_in_over_tls_from_the_start(postfix: Postfix, sink: Sink) -> None:
    context = ssl.create_default_context(cafile=str(postfix.certificate))
    port = postfix.ports.smtps
    with smtplib.SMTP_SSL(HOST, port, timeout=30, context=context) as smtp:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login(USER, "wrong")
        smtp.login(USER, PASSWORD)
        smtp.sendmail(RETURN_PATH, ["anna@customer.test"], LETTER)
    sink.wait_for()


def test_nobody_relays_without_signing_in(postfix: Postfix) -> None:
    context = ssl.create_default_context(cafile=str(postfix.certificate))
    port = postfix.ports.smtps
    with (
        smtplib.SMTP_SSL(HOST, port, timeout=30, context=context) as smtp,
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        smtp.sendmail(RETURN_PATH, ["anna@customer.test"], LETTER)


@pytest.mark.parametrize(
    ("port", "command"), [("submission", "RCPT"), ("smtps", "MAIL")]
)
def test_a_user_writes_as_nobody_else(
    postfix: Postfix, port: str, command: str
) -> None:
    context = ssl.create_default_context(cafile=str(postfix.certificate))
    with signed_in(postfix, port, context) as smtp:
        replies = {
            "MAIL": smtp.mail("mallory@elsewhere.test"),
            "RCPT": smtp.rcpt("anna@customer.test"),
        }
    code, words = replies[command]
    assert code == 553
    assert b"not owned by user portal@relay.test" in words


def test_a_limited_port_takes_so_many_in_a_minute(postfix: Postfix) -> None:
    context = ssl.create_default_context(cafile=str(postfix.certificate))
    with signed_in(postfix, "limited", context) as smtp:
        for _ in range(A_MINUTE):
            smtp.sendmail(RETURN_PATH, ["anna@customer.test"], LETTER)
        with pytest.raises(smtplib.SMTPSenderRefused, match="too much mail") as refusal:
            smtp.sendmail(RETURN_PATH, ["anna@customer.test"], LETTER)
    assert refusal.value.smtp_code == 450


@contextmanager
def signed_in(
    postfix: Postfix, port: str, context: ssl.SSLContext
) -> Iterator[smtplib.SMTP]:
    number = getattr(postfix.ports, port)
    smtp = (
        smtplib.SMTP_SSL(HOST, number, timeout=30, context=context)
        if port == "smtps"
        else smtplib.SMTP(HOST, number, timeout=30)
    )
    with smtp:
        if port != "smtps":
            smtp.starttls(context=context)
        smtp.login(USER, PASSWORD)
        yield smtp
