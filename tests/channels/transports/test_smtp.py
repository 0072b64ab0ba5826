"""A person's own server: vetted, tested step by step, signed in to safely."""

from __future__ import annotations

import sys
import threading
import time
from urllib.parse import urlsplit

import pytest

from channels import egress
from channels.egress import REFUSED_NUMBER
from channels.transports import (
    OutgoingEmail,
    SettingsError,
    Transport,
    TransportError,
    Verdict,
    transport_class,
)
from tests.peers.scripted_smtp import HANG_UP, ScriptedSmtp

EMAIL = OutgoingEmail(
    envelope_sender="alice@acme.test",
    recipient="anna@customer.test",
    content=b"Subject: Hello\r\n\r\nText.\r\n",
)
SMTP = transport_class("smtp")
Fields = dict[str, str]


def settings_for(server: ScriptedSmtp, **changes: object) -> dict[str, object]:
    found = urlsplit(server.url)
    return {
        "host": found.hostname,
        "port": str(found.port),
        "security": "none",
        "user": "",
        "ca_text": "",
        "PORTAL_DOMAIN": "portal.test",
        "SMTP_ALLOWED_NETWORKS": ["127.0.0.0/8"],
        **changes,
    }


def smtp(server: ScriptedSmtp, **changes: object) -> Transport:
    return SMTP(settings_for(server, **changes), {"password": "hunter2"})


def test_mail_leaves_from_the_identitys_own_address() -> None:
    with ScriptedSmtp() as server, smtp(server) as transport:
        receipt = transport.send(EMAIL)
    assert receipt.code == 250
    assert b"MAIL FROM:<alice@acme.test> BODY=8BITMIME" in server.commands


def test_a_server_inside_is_refused_at_every_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(egress, "REFUSAL_SECONDS", 0)
    with (
        ScriptedSmtp() as server,
        smtp(server, SMTP_ALLOWED_NETWORKS=[]) as transport,
        pytest.raises(TransportError) as caught,
    ):
        transport.send(EMAIL)
    assert caught.value.words == REFUSED_NUMBER
    assert caught.value.verdict is Verdict.CHANNEL_DOWN
    assert server.connections == 0


def test_each_step_is_told_as_it_is_made() -> None:
    with ScriptedSmtp() as server, smtp(server) as transport:
        steps = list(transport.probe("alice@acme.test"))
    assert [(step.label, step.done) for step in steps] == [
        ("Name resolved", True),
        ("Connected", True),
        ("Sender accepted", True),
    ]
    assert steps[1].words == "far.test ESMTP"
    assert server.messages == []


@pytest.mark.parametrize(
    ("replies", "step", "words"),
    [
        ({"banner": b"554 5.3.2 not today"}, "Connected", "5.3.2 not today"),
        ({"banner": HANG_UP}, "Connected", "It closed the connection."),
        ({"MAIL": b"553 5.7.1 not yours"}, "Sender accepted", "5.7.1 not yours"),
    ],
)
def test_the_step_that_fails_says_what_the_server_said_and_what_to_try(
    replies: dict[str, bytes], step: str, words: str
) -> None:
    with ScriptedSmtp(**replies) as server, smtp(server) as transport:
        steps = list(transport.probe("alice@acme.test"))
    assert (steps[-1].label, steps[-1].done) == (step, False)
    assert steps[-1].words == words
    assert steps[-1].advice
    assert all(each.done for each in steps[:-1])


@pytest.mark.parametrize("stage", ["banner", "EHLO", "RCPT"])
def test_a_test_as_a_whole_has_a_time_limit(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def say_nothing(line: bytes) -> bytes:
        over.wait(timeout=60)
        return HANG_UP

    module = sys.modules[SMTP.__module__]
    monkeypatch.setattr(module, "PROBED_WITHIN", 0.3)
    begun = time.monotonic()
    with ScriptedSmtp(**{stage: say_nothing}) as server, smtp(server) as transport:
        *_, last = transport.probe("alice@acme.test")
        over.set()
    assert time.monotonic() - begun < 10  # a reply alone may take 20
    assert (last.done, last.words) == (False, "It did not answer in time.")


def test_tls_from_the_start_on_a_port_without_it_says_to_choose_starttls() -> None:
    with ScriptedSmtp() as server, smtp(server, security="tls") as transport:
        steps = list(transport.probe("alice@acme.test"))
    assert (steps[-1].label, steps[-1].done) == (
        "Encrypted, certificate verified",
        False,
    )
    assert steps[-1].words == (
        "This port does not begin with TLS. Choose STARTTLS for it."
    )


@pytest.mark.parametrize(
    ("reply", "passes"),
    [
        (b"250 2.1.5 ok", True),
        (b"450 4.2.0 greylisted", True),
        (b"550 5.1.1 no such mailbox here", True),
        (b"553 5.7.1 sender rejected: not owned by user", False),
        (b"530 5.7.0 sign in first", False),
        (b"554 relay access denied", False),
        (b"nonsense", False),
        (HANG_UP, False),
    ],
)
def test_a_sender_is_judged_once_there_is_a_recipient(
    reply: bytes, passes: bool
) -> None:
    with ScriptedSmtp(RCPT=reply) as server, smtp(server) as transport:
        steps = list(transport.probe("alice@acme.test"))
    assert steps[-1].label == "Sender accepted"
    assert steps[-1].done is passes
    assert b"RCPT TO:<alice@acme.test>" in server.commands
    assert b"DATA" not in {command[:4].upper() for command in server.commands}


def test_an_international_sender_is_judged_like_any_other() -> None:
    with ScriptedSmtp() as server, smtp(server) as transport:
        *_, last = transport.probe("jürgen@acme.test")
    assert last.done
    assert "RCPT TO:<jürgen@acme.test>".encode() in server.commands


@pytest.mark.parametrize(
    ("replies", "verdict"),
    [
        ({"AUTH": b"535 5.7.8 wrong"}, Verdict.CHANNEL_BROKEN),
        ({"AUTH": b"503 5.5.1 not enabled"}, Verdict.CHANNEL_BROKEN),
        ({"AUTH": b"334 no challenge"}, Verdict.CHANNEL_DOWN),
        ({"AUTH": b"454 4.7.0 not now"}, Verdict.CHANNEL_DOWN),
        ({"MAIL": b"530 5.7.0 sign in first"}, Verdict.CHANNEL_BROKEN),
        ({"MAIL": b"550 5.7.1 not you"}, Verdict.REFUSED),
        ({"RCPT": b"450 4.2.0 wait"}, Verdict.NOT_NOW),
        ({"RCPT": b"452 4.5.3 too many"}, Verdict.NOT_NOW),
        ({"RCPT": b"554 5.7.1 no"}, Verdict.REFUSED),
    ],
)
def test_the_table_of_errors(replies: dict[str, bytes], verdict: Verdict) -> None:
    ehlo = b"250-far.test\r\n250 AUTH CRAM-MD5"
    with (
        ScriptedSmtp(EHLO=ehlo, **{"AUTH": b"235 2.7.0 in", **replies}) as server,
        smtp(server, user="alice") as transport,
        pytest.raises(TransportError) as caught,
    ):
        transport.send(EMAIL)
    assert caught.value.verdict is verdict
    assert server.messages == []


def test_a_password_is_never_sent_in_clear() -> None:
    with (
        ScriptedSmtp(EHLO=b"250-far.test\r\n250 AUTH PLAIN LOGIN") as server,
        smtp(server, user="alice") as transport,
        pytest.raises(TransportError, match="no way to sign in") as caught,
    ):
        transport.send(EMAIL)
    assert caught.value.verdict is Verdict.CHANNEL_BROKEN
    assert not any(command.startswith(b"AUTH") for command in server.commands)


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"host": "smtp.gmail.com"}, "host", "connect Gmail instead"),
        ({"host": "SMTP.GMAIL.COM."}, "host", "connect Gmail instead"),
        ({"host": "mail test"}, "host", "not the name of a server"),
        ({"host": "mail.test\r\nX"}, "host", "not the name of a server"),
        ({"port": "0"}, "port", "1 to 65535"),
        ({"port": "70000"}, "port", "1 to 65535"),
        ({"security": "none", "user": "alice"}, "security", "never sent in clear"),
        ({"ca_text": "not a certificate"}, "ca_text", "PEM form"),
        ({"ca_text": "-----BEGIN CERTIFICATE-----\nx"}, "ca_text", "PEM form"),
        ({"ca_text": "ä"}, "ca_text", "PEM form"),
    ],
)
def test_settings_that_cannot_work_are_answered_before_anything_connects(
    changes: Fields, field: str, words: str
) -> None:
    fields = {"host": "mail.test", "port": "587", "security": "starttls", "user": ""}
    with pytest.raises(SettingsError, match=words) as caught:
        SMTP.check_settings({**fields, **changes})
    assert caught.value.field == field


def test_every_preset_can_be_tried_as_it_is() -> None:
    for preset in SMTP.presets:
        assert preset.advice
        SMTP.check_settings({"user": "me", **preset.values, "host": "mail.test"})
