"""A custom SMTP server that is real: set up in Settings, sent through, refused by."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from channels.connection_testing import run_test
from channels.models import Channel, ConnectionTest, EmailIdentity
from conversations.delivering import deliver_lane
from conversations.models import Delivery
from conversations.models.state import State
from deliveryportal.accounts.models import User
from tests.peers.outside import HOST
from tests.peers.postfix import (
    A_MINUTE,
    PASSWORD,
    USER,
    Postfix,
    write_certificate,
)
from tests.peers.sink import Sink
from tests.portal import Portal, wait_until
from tests.words import read, words_of

pytestmark = pytest.mark.postfix

CONNECT = "/settings/channel/connect/smtp/"
SignIn = Callable[[User], Client]
MakeDelivery = Callable[..., Delivery]


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Settings) -> None:
    settings.SMTP_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def form(postfix: Postfix, port: str = "submission", **changes: str) -> dict[str, str]:
    return {
        "host": HOST,
        "port": str(getattr(postfix.ports, port)),
        "security": "tls" if port == "smtps" else "starttls",
        "user": USER,
        "password": PASSWORD,
        "ca_text": postfix.certificate.read_text(),
        **changes,
    }


def try_out(client: Client, fields: dict[str, str], query: str = "") -> str:
    """Fill in the form and let a worker make the test; return what is then read."""
    answer = client.post(CONNECT + query, fields)
    assert answer.status_code == 302, words_of(answer.content.decode())
    run_test(ConnectionTest.objects.get().pk)
    return read(client, answer["Location"])


def connect(client: Client, fields: dict[str, str], query: str = "") -> Channel:
    shown = try_out(client, fields, query)
    assert "Save" in shown, shown
    test = ConnectionTest.objects.get()
    client.post(f"/settings/channel/tests/{test.uuid}/save/")
    return Channel.objects.get(kind="smtp")


# --- the connection test ------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "mechanism"),
    [("submission", "PLAIN"), ("smtps", "LOGIN"), ("limited", "CRAM-MD5")],
)
def test_every_step_is_made_and_told(
    postfix: Postfix, alice: User, as_user: SignIn, port: str, mechanism: str
) -> None:
    shown = try_out(as_user(alice), form(postfix, port))
    steps = [
        "Name resolved 127.0.0.1",
        "Connected",
        "Encrypted, certificate verified TLSv1.",
        f"Signed in {mechanism}",
        "Sender accepted",
        "Save",
    ]
    places = [shown.index(step) for step in steps]
    assert places == sorted(places)
    assert "failed" not in shown
    assert PASSWORD not in shown


def test_a_password_may_have_any_characters(
    postfix: Postfix, alice: User, as_user: SignIn
) -> None:
    postfix.set_password("Gänse füßchen €")
    for port in ("submission", "smtps", "limited"):
        fields = form(postfix, port, password="Gänse füßchen €")
        assert "Save" in try_out(as_user(alice), fields)


def test_a_wrong_password_is_told_with_the_servers_words_and_what_to_try(
    postfix: Postfix, alice: User, as_user: SignIn
) -> None:
    for port in ("submission", "smtps", "limited"):
        shown = try_out(as_user(alice), form(postfix, port, password="wrong"))
        assert "Signed in: this failed" in shown
        assert "5.7.8 Error: authentication failed" in shown
        assert "Check user name and password." in shown
        assert "Nothing was saved." in shown
    assert not Channel.objects.filter(kind="smtp").exists()


@pytest.mark.parametrize("port", ["submission", "smtps"])
def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    postfix: Postfix, alice: User, as_user: SignIn, tmp_path: Path, port: str
) -> None:
    another = tmp_path / "ca.pem"
    write_certificate(key_and_chain=tmp_path / "tls.pem", chain=another)
    for ca_text in ("", another.read_text()):
        shown = try_out(as_user(alice), form(postfix, port, ca_text=ca_text))
        assert "Encrypted, certificate verified: this failed" in shown
        assert "Its certificate is not trusted: self-signed certificate" in shown
        assert "paste its CA" in shown


@pytest.mark.parametrize("port", ["submission", "smtps"])
def test_a_certificate_for_another_name_is_not_trusted(
    postfix: Postfix,
    alice: User,
    as_user: SignIn,
    monkeypatch: pytest.MonkeyPatch,
    port: str,
) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *rest, **how: resolve(HOST, *rest, **how)
    )
    shown = try_out(as_user(alice), form(postfix, port, host="mail.acme.test"))
    assert "Encrypted, certificate verified: this failed" in shown
    assert "not valid for 'mail.acme.test'" in shown
    assert "a name that the certificate is for" in shown


def test_the_wrong_security_for_a_port_is_told(
    postfix: Postfix, alice: User, as_user: SignIn
) -> None:
    shown = try_out(as_user(alice), form(postfix, security="tls"))
    assert "Encrypted, certificate verified: this failed" in shown
    assert "STARTTLS goes with port 587" in shown


@pytest.mark.parametrize("port", ["submission", "smtps"])
def test_a_server_that_does_not_let_alice_send_as_herself_is_found_out(
    postfix: Postfix, alice: User, as_user: SignIn, port: str
) -> None:
    EmailIdentity.objects.filter(owner=alice).update(address="alice@elsewhere.test")
    shown = try_out(as_user(alice), form(postfix, port))
    assert "Signed in" in shown
    assert "Sender accepted: this failed" in shown
    assert "does not let you send as alice@elsewhere.test" in shown
    assert f"not owned by user {USER}" in shown


# --- sending ------------------------------------------------------------------


@pytest.mark.parametrize("port", ["submission", "smtps"])
def test_the_recipient_sees_what_settings_promised(
    postfix: Postfix, sink: Sink, alice: User, as_user: SignIn, port: str
) -> None:
    client = as_user(alice)
    channel = connect(client, form(postfix, port))
    promised = read(client, "/settings/channel/").partition("What your recipient sees")
    assert "From Alice Acme <alice@acme.test> “via” tag None." in promised[2]
    answer = client.post(
        "/conversations/new/",
        {"to": "anna@customer.test", "subject": "Hello", "body": "Dear Anna"},
    )
    assert answer.status_code == 302, words_of(answer.content.decode())
    deliver_lane(channel.pk, alice.pk)
    mail = sink.wait_for()
    assert mail.message["From"] == "Alice Acme <alice@acme.test>"
    assert mail.sender == "alice@acme.test"
    assert mail.recipients == ("anna@customer.test",)
    assert "Sender" not in mail.message
    assert "Handed over, not tracked" in read(client, "/conversations/sent/")


def test_the_servers_refusals_are_told_as_they_are(
    postfix: Postfix,
    sink: Sink,
    alice: User,
    as_user: SignIn,
    make_delivery: MakeDelivery,
) -> None:
    client = as_user(alice)
    channel = connect(client, form(postfix))
    for local_part in ("refused", "later", "anna"):
        make_delivery(alice, f"{local_part}@customer.test")
    Delivery.objects.update(channel=channel)
    deliver_lane(channel.pk, alice.pk)
    states = dict(Delivery.objects.values_list("recipient", "state"))
    assert states == {
        "refused@customer.test": State.FAILED,
        "later@customer.test": State.QUEUED,
        "anna@customer.test": State.ACCEPTED,
    }
    failed = read(client, "/conversations/failed/")
    assert "Address does not exist" in failed
    assert "There is no such address behind us" in failed
    assert "customer.test asked us to try again later" in read(
        client, "/conversations/pending/"
    )
    assert len(sink.mails) == 1


@pytest.mark.parametrize("port", ["submission", "smtps"])
def test_an_identity_that_the_server_does_not_know_is_told_so(
    postfix: Postfix,
    alice: User,
    as_user: SignIn,
    make_delivery: MakeDelivery,
    port: str,
) -> None:
    client = as_user(alice)
    channel = connect(client, form(postfix, port))
    EmailIdentity.objects.filter(owner=alice).update(address="alice@elsewhere.test")
    delivery = make_delivery(alice)
    Delivery.objects.update(channel=channel)
    deliver_lane(channel.pk, alice.pk)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (State.FAILED, "sender_refused")
    page = read(client, delivery.message.get_absolute_url())
    assert "This server does not let you send as alice@elsewhere.test." in page
    assert f"not owned by user {USER}" in page


def test_over_the_servers_own_limit_mail_waits(
    postfix: Postfix,
    sink: Sink,
    alice: User,
    as_user: SignIn,
    make_delivery: MakeDelivery,
) -> None:
    client = as_user(alice)
    channel = connect(client, form(postfix, "limited"))
    for number in range(A_MINUTE + 2):
        make_delivery(alice, f"p{number}@customer.test")
    Delivery.objects.update(channel=channel)
    deliver_lane(channel.pk, alice.pk)
    waiting = Delivery.objects.filter(state=State.QUEUED, not_before__gt=now())
    accepted = Delivery.objects.filter(state=State.ACCEPTED)
    # The connection test, which ends before any data, counts as a message there.
    assert accepted.count() == A_MINUTE - 1
    assert waiting.count() == 3
    pending = read(client, "/conversations/pending/")
    assert "Custom SMTP server asked us to try again later" in pending
    assert len({mail.recipients for mail in sink.mails}) == len(sink.mails)


# --- the whole product --------------------------------------------------------


@pytest.mark.processes
def test_after_a_changed_password_mail_waits_and_goes_out_by_itself_once_mended(
    postfix: Postfix, sink: Sink, tmp_path: Path
) -> None:
    with Portal(tmp_path, SMTP_ALLOWED_NETWORKS="127.0.0.0/8") as portal:
        portal.sign_up()
        save(portal, form(postfix))
        postfix.set_password("another password")
        for number in range(3):
            portal.write(f"p{number}@customer.test")
        wait_until(lambda: "stopped working" in portal.get("/conversations/sent/"))
        pending = words_of(portal.get("/conversations/pending/"))
        assert "Custom SMTP server stopped working" in pending
        assert "5.7.8 Error: authentication failed" in pending
        assert "Your mail waits in Pending and nothing is lost." in pending
        # One may have been in hand while its channel was stopped.
        wait_until(lambda: portal.count("queued") == 3)
        assert sink.mails == []

        save(portal, form(postfix, password="another password"))
        assert "stopped working" not in portal.get("/conversations/sent/")
        wait_until(lambda: portal.count("accepted") == 3)
        for number in range(3):
            recipient = (f"p{number}@customer.test",)
            sink.wait_for(lambda mail, r=recipient: mail.recipients == r)  # type: ignore[misc]
        assert len(sink.mails) == 3, "each once"
        for secret in (PASSWORD, "another password"):
            assert secret not in portal.log.read_text()
            assert secret.encode() not in portal.database.read_bytes()


def save(portal: Portal, fields: dict[str, str]) -> None:
    """Fill in the form, wait until its test has passed, and save it."""
    portal.post(CONNECT, **fields)
    ((uuid,),) = portal.rows("SELECT uuid FROM channels_connectiontest")
    test = f"/settings/channel/tests/{UUID(str(uuid))}/"
    wait_until(lambda: "Trying" not in portal.get(test))
    steps = portal.get(test)
    assert "/save/" in steps, words_of(steps)
    portal.press(test, f"{test}save/")
