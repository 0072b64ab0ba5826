"""Django's own mail by the Portal's relays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from smtplib import SMTPException

import pytest
from django.core.mail import EmailMessage
from pytest_django import Settings

from channels.email_backend import RelayEmailBackend
from channels.lines import hang_up, pick_up
from channels.smtp import relays
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.portal import free_port, wait_until


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    relays.end_all()
    yield
    relays.end_all()


def mail(*to: str) -> EmailMessage:
    return EmailMessage(
        "Hello", "Text.\n.\nGrüße", "The Portal <portal@münchen.test>", to
    )


def test_each_recipient_gets_it_and_the_connection_ends(settings: Settings) -> None:
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        letters = [mail("Anna <anna@customer.test>", "bert@customer.test"), mail()]
        assert RelayEmailBackend().send_messages(letters) == 2
        wait_until(lambda: b"QUIT" in relay.commands)
    assert [line for line in relay.commands if line.startswith(b"RCPT")] == [
        b"RCPT TO:<anna@customer.test>",
        b"RCPT TO:<bert@customer.test>",
    ]
    assert b"MAIL FROM:<portal@xn--mnchen-3ya.test>" in relay.commands[1]
    assert b"Text.\r\n..\r\nGr" in relay.messages[0]
    assert relay.connections == 1


def test_a_relay_that_is_away_is_replaced_by_another(settings: Settings) -> None:
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = f"smtp://127.0.0.1:{free_port()},{relay.url}"
        for _ in range(2):
            RelayEmailBackend().send_messages([mail("anna@customer.test")])
    assert len(relay.messages) == 2


def test_what_goes_wrong_is_raised_as_by_djangos_own(settings: Settings) -> None:
    letters = [mail("anna@customer.test")]
    with ScriptedSmtp(RCPT=b"550 5.1.1 unknown") as relay:
        settings.PORTAL_RELAY_URL = relay.url
        with pytest.raises(SMTPException, match="unknown"):
            RelayEmailBackend().send_messages(letters)
        assert RelayEmailBackend(fail_silently=True).send_messages(letters) == 0
    settings.PORTAL_RELAY_URL = ""
    with pytest.raises(SMTPException, match="smtp"):
        RelayEmailBackend().send_messages(letters)


def test_a_process_that_stops_hangs_up_on_a_relay_that_says_nothing(
    settings: Settings,
) -> None:
    over = threading.Event()

    def say_nothing(line: bytes) -> bytes:
        over.wait(timeout=60)
        return b"250 2.1.5 ok"

    raised: list[SMTPException] = []

    def send() -> None:
        with pytest.raises(SMTPException) as caught:
            RelayEmailBackend().send_messages([mail("anna@customer.test")])
        raised.append(caught.value)

    with ScriptedSmtp(RCPT=say_nothing) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        waiting = threading.Thread(target=send)
        waiting.start()
        wait_until(lambda: len(relay.commands) > 2)
        hang_up()
        try:
            waiting.join(timeout=10)  # it would be 20
        finally:
            pick_up()
            over.set()
    assert "when these servers had to stop" in str(raised[0])
