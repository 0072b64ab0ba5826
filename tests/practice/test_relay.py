from __future__ import annotations

import smtplib
import socket
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError
from pytest_django import Settings

from channels.return_path import new_token, return_path
from deliveryportal.practice import relay as relay_module
from deliveryportal.practice.models import PracticeMail
from deliveryportal.practice.relay import PracticeRelay
from tests.practice.conftest import LETTER, PATIENCE

Connect = Callable[[PracticeRelay], smtplib.SMTP]

TOKEN = new_token()
SENDER = return_path(TOKEN, "bounce.portal.test")


def test_mail_is_filed_before_it_is_taken(smtp: smtplib.SMTP) -> None:
    smtp.sendmail(SENDER, "anna@customer.test", LETTER)

    mail = PracticeMail.objects.get()
    assert mail.envelope_sender == SENDER
    assert mail.envelope_recipient == "anna@customer.test"
    assert mail.return_token == TOKEN
    assert mail.header_from == "Alice Acme <alice@acme.test>"
    assert mail.header_subject == "Hello Anna"
    assert bytes(mail.raw) == LETTER
    assert (mail.answer, mail.answer_due) == ("", None)


def test_the_reply_names_the_filed_mail(smtp: smtplib.SMTP) -> None:
    smtp.ehlo()
    smtp.mail(SENDER)
    smtp.rcpt("anna@customer.test")
    code, words = smtp.data(LETTER)

    assert code == 250
    assert PracticeMail.objects.get().uuid == UUID(words.decode().split()[-1])


@pytest.mark.parametrize(
    ("recipient", "code", "enhanced"),
    [
        ("unknown@customer.test", 550, b"5.1.1"),
        ("UNKNOWN@other.test", 550, b"5.1.1"),
        ("full@customer.test", 552, b"5.2.2"),
        ("blocked@customer.test", 550, b"5.7.1"),
        ("greylist@customer.test", 451, b"4.7.1"),
    ],
)
def test_some_recipients_are_refused_on_the_spot(
    smtp: smtplib.SMTP, recipient: str, code: int, enhanced: bytes
) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        smtp.sendmail(SENDER, recipient, LETTER)

    answered, words = refused.value.recipients[recipient]
    assert answered == code
    assert words.startswith(enhanced)
    assert not PracticeMail.objects.exists()


def test_a_refused_recipient_does_not_hold_up_the_others(smtp: smtplib.SMTP) -> None:
    refused = smtp.sendmail(
        SENDER, ["a@customer.test", "full@customer.test", "b@customer.test"], LETTER
    )

    assert list(refused) == ["full@customer.test"]
    filed = PracticeMail.objects.values_list("envelope_recipient", flat=True)
    assert set(filed) == {"a@customer.test", "b@customer.test"}


def test_greylisted_mail_is_taken_when_it_comes_back(
    smtp: smtplib.SMTP, quicken: Callable[..., None]
) -> None:
    quicken("greylist", greylisted_for=timedelta(seconds=0.2))
    smtp.ehlo()
    smtp.mail(SENDER)

    code, words = smtp.rcpt("greylist@customer.test")
    assert (code, words) == (451, b"4.7.1 Greylisted, please try again in 1 seconds")

    until = time.monotonic() + PATIENCE
    while code == 451 and time.monotonic() < until:
        code, words = smtp.rcpt("greylist@customer.test")
    assert code == 250
    assert smtp.data(LETTER)[0] == 250


def test_a_slow_recipient_does_not_hold_up_the_others(
    relay: PracticeRelay, client_of: Connect, quicken: Callable[..., None]
) -> None:
    quicken("slow", pause=timedelta(seconds=PATIENCE))
    slow = client_of(relay)
    slow.ehlo()
    slow.mail(SENDER)
    slow.rcpt("slow@customer.test")
    slow.docmd("DATA")
    slow.send(LETTER + b".\r\n")

    client_of(relay).sendmail(SENDER, "anna@customer.test", LETTER)

    assert PracticeMail.objects.get().envelope_recipient == "anna@customer.test"


def test_a_slow_recipient_takes_the_mail_in_the_end(
    smtp: smtplib.SMTP, quicken: Callable[..., None]
) -> None:
    quicken("slow", pause=timedelta(seconds=0.3))

    begun = time.monotonic()
    smtp.sendmail(SENDER, "slow@customer.test", LETTER)

    assert time.monotonic() - begun >= 0.3
    assert PracticeMail.objects.exists()


def test_names_in_every_script_are_taken(smtp: smtplib.SMTP) -> None:
    smtp.sendmail(
        SENDER, "jürgen@xn--mnchen-3ya.test", LETTER, mail_options=["SMTPUTF8"]
    )

    mail = PracticeMail.objects.get()
    assert mail.envelope_recipient == "jürgen@xn--mnchen-3ya.test"


@pytest.mark.parametrize("command", [b"MAIL FROM:<%s>", b"RCPT TO:<%s>"])
@pytest.mark.parametrize("address", [b"\xff\xfe@x.test", b"a" * 330 + b"@x.test"])
def test_an_address_no_row_can_hold_is_refused(
    smtp: smtplib.SMTP, command: bytes, address: bytes
) -> None:
    smtp.ehlo()
    smtp.mail(SENDER) if command.startswith(b"RCPT") else None
    assert smtp.sock is not None
    smtp.sock.sendall(command % address + b"\r\n")

    assert smtp.getreply()[0] == 553


def test_mail_over_the_limit_is_refused(
    settings: Settings,
    start_relay: Callable[[tuple[str, int]], PracticeRelay],
    client_of: Connect,
) -> None:
    settings.MAX_MESSAGE_BYTES = 1000
    settings.MAX_ATTACHMENT_BYTES = 0
    smtp = client_of(start_relay(("127.0.0.1", 9)))

    with pytest.raises(smtplib.SMTPResponseException) as refused:
        smtp.sendmail(SENDER, "anna@customer.test", LETTER + b"x" * 2000)

    assert refused.value.smtp_code == 552


def test_without_a_database_mail_is_put_off(
    smtp: smtplib.SMTP, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**mail: object) -> str:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(relay_module, "file_mail", fail)
        with pytest.raises(smtplib.SMTPDataError) as put_off:
            smtp.sendmail(SENDER, "anna@customer.test", LETTER)
    assert put_off.value.smtp_code == 451

    smtp.sendmail(SENDER, "anna@customer.test", LETTER)
    assert PracticeMail.objects.count() == 1


def test_a_fault_of_our_own_puts_the_mail_off(
    smtp: smtplib.SMTP,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(relay_module, "manner_of", None)

    with pytest.raises(smtplib.SMTPRecipientsRefused) as put_off:
        smtp.sendmail(SENDER, "anna@customer.test", LETTER)

    assert put_off.value.recipients["anna@customer.test"][0] == 451
    assert "stumbled" in caplog.text


def test_a_stop_is_quick_and_leaves_nothing_open(
    relay: PracticeRelay, client_of: Connect, bounce_receiver: object
) -> None:
    other = PracticeRelay(bounces_to=("127.0.0.1", 9))
    before = set(threading.enumerate())
    other.start()
    waiting = client_of(other)
    waiting.ehlo()
    waiting.mail(SENDER)
    waiting.rcpt("slow@customer.test")
    waiting.docmd("DATA")
    waiting.send(LETTER + b".\r\n")

    begun = time.monotonic()
    other.stop()

    assert time.monotonic() - begun < 1
    assert set(threading.enumerate()) <= before
    with pytest.raises(smtplib.SMTPServerDisconnected):
        waiting.getreply()
    with pytest.raises(ConnectionRefusedError):
        client_of(other)
    assert not PracticeMail.objects.exists()


def test_it_tells_where_it_listens(relay: PracticeRelay) -> None:
    assert relay.port != 0
    assert relay.url == f"smtp://127.0.0.1:{relay.port}"


def test_a_port_in_use_is_told(in_practice: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        relay = PracticeRelay(bounces_to=("127.0.0.1", 9), port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"):
            relay.start()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PRACTICE", False, "practice mode only"),
        ("PORTAL_RELAY_URL", "smtp://mail.acme.test", "PORTAL_RELAY_URL names a relay"),
    ],
)
def test_it_never_starts_beside_the_real_world(
    settings: Settings, in_practice: None, name: str, value: object, words: str
) -> None:
    setattr(settings, name, value)

    with pytest.raises(ImproperlyConfigured, match=words):
        PracticeRelay(bounces_to=("127.0.0.1", 9)).start()


def test_it_starts_again_where_it_was(
    settings: Settings, relay: PracticeRelay, client_of: Connect
) -> None:
    settings.PORTAL_RELAY_URL = relay.url
    relay.stop()
    relay.start()

    client_of(relay).sendmail(SENDER, "anna@customer.test", LETTER)

    assert PracticeMail.objects.exists()


@pytest.mark.parametrize(("recipient", "code"), [("too-big", 552), ("content", 550)])
def test_some_refuse_a_mail_once_they_have_read_it(
    smtp: smtplib.SMTP, recipient: str, code: int
) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        smtp.sendmail(SENDER, f"{recipient}@customer.test", LETTER)
    assert refused.value.smtp_code == code
    assert not PracticeMail.objects.exists()


def test_some_take_a_mail_and_hang_up(smtp: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPServerDisconnected):
        smtp.sendmail(SENDER, "lost@customer.test", LETTER)
    assert PracticeMail.objects.exists(), "it did arrive, but nobody was told"
