"""Refusals that are our fault are counted for the managers, whoever is at work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from channels.models import Channel
from channels.transports import TransportError, Verdict
from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import record_report
from conversations.delivering import settle
from conversations.models import Alert, Delivery
from conversations.models.state import State
from conversations.sending.lease import Lease
from conversations.sending.outcomes import not_accepted
from conversations.watching.alerting import (
    ALARMING,
    Refusal,
    organisation_of,
    raise_alerts,
)
from conversations.watching.causes import causes_for
from deliveryportal.accounts.models import User
from tests.conversations.bounces.conftest import mail
from tests.conversations.lanes import claim_due

AT = datetime(2026, 3, 2, 9, 12, tzinfo=UTC)
MakeDelivery = Callable[..., Delivery]


def refusal(
    delivery: Delivery,
    reason: str = "sender_blocked",
    remote: str = "mx1.bigco.test",
    words: str = "550 5.7.1 blocked",
    at: datetime = AT,
) -> Refusal:
    return Refusal(delivery, reason, words, at, remote)


@pytest.fixture
def delivery(alice: User, make_delivery: MakeDelivery) -> Delivery:
    return make_delivery(alice, "nina@customer.test", state=State.ACCEPTED)


@pytest.mark.parametrize(
    ("host", "organisation"),
    [
        ("aspmx.l.google.com", "google.com"),
        ("MX.example.co.uk.", "example.co.uk"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("localhost", "localhost"),
        ("", "unknown"),
        ("x" * 300, "x" * 253),
    ],
)
def test_mail_servers_belong_to_an_organisation(host: str, organisation: str) -> None:
    assert organisation_of(host) == organisation


@pytest.mark.parametrize(
    ("reason", "who"),
    [
        ("sender_blocked", "bigco.test"),
        ("auth_failed", "bigco.test"),
        ("sender_setup", "Portal servers"),
    ],
)
def test_what_lies_with_us_raises_an_alert(
    delivery: Delivery, reason: str, who: str
) -> None:
    raise_alerts([refusal(delivery, reason)])
    alert = Alert.objects.get()
    assert (alert.team, alert.reason, alert.remote) == (delivery.team, reason, who)
    assert (alert.number, alert.since, alert.latest) == (1, AT, AT)
    assert alert.last_words == "550 5.7.1 blocked"


@pytest.mark.parametrize("reason", ["address_unknown", "mailbox_full", "spam_policy"])
def test_what_lies_with_them_raises_none(delivery: Delivery, reason: str) -> None:
    raise_alerts([refusal(delivery, reason)])
    assert not Alert.objects.exists()


def test_mails_are_counted_by_reason_organisation_and_team(
    delivery: Delivery, charlie: User, make_delivery: MakeDelivery
) -> None:
    other_team = make_delivery(charlie)
    raise_alerts(
        [
            refusal(delivery),
            refusal(
                delivery, remote="mx2.bigco.test", words="x", at=AT + timedelta(hours=1)
            ),
            refusal(delivery, "auth_failed"),
            refusal(delivery, remote=""),
            refusal(other_team),
        ]
    )
    raise_alerts([refusal(delivery, words="y", at=AT + timedelta(hours=2))])
    assert set(Alert.objects.values_list("team", "reason", "remote", "number")) == {
        (delivery.team_id, "sender_blocked", "bigco.test", 3),
        (delivery.team_id, "auth_failed", "bigco.test", 1),
        (delivery.team_id, "sender_blocked", "customer.test", 1),
        (charlie.team_id, "sender_blocked", "bigco.test", 1),
    }
    counted = Alert.objects.get(number=3)
    assert (counted.since, counted.latest) == (AT, AT + timedelta(hours=2))
    assert counted.last_words == "y"


def test_a_closed_alert_comes_back_with_the_next_mail(
    delivery: Delivery, bob: User
) -> None:
    raise_alerts([refusal(delivery)])
    closed = Alert.objects.get()
    assert closed.close(by=bob)
    assert not closed.close(by=delivery.sender)
    raise_alerts([refusal(delivery, at=AT + timedelta(days=1))])
    closed.refresh_from_db()
    assert (closed.number, closed.closed_by) == (1, bob)
    again = Alert.objects.open().get()
    assert (again.number, again.since) == (1, AT + timedelta(days=1))


@pytest.mark.django_db(transaction=True)
def test_any_number_of_workers_may_count(delivery: Delivery) -> None:
    start = threading.Barrier(6)
    faults: list[BaseException] = []

    def work() -> None:
        try:
            start.wait(timeout=10)
            for _ in range(5):
                raise_alerts([refusal(delivery), refusal(delivery, "auth_failed")])
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert sorted(Alert.objects.values_list("reason", "number")) == [
        ("auth_failed", 30),
        ("sender_blocked", 30),
    ]


@pytest.mark.parametrize("reason", sorted(ALARMING))
def test_an_alert_and_its_cause_are_called_the_same(
    delivery: Delivery, reason: str
) -> None:
    Delivery.objects.update(state=State.FAILED, reason=reason)
    delivery.refresh_from_db()
    raise_alerts([refusal(delivery, reason, remote="")])
    [cause] = causes_for(delivery.sender).shown
    assert str(Alert.objects.get()) == cause.title


BLOCKED = mail("unknown_user").replace(
    b"User unknown in virtual mailbox table", b"Client host blocked using zen"
)


def test_a_bounce_for_our_reputation_raises_one(delivery: Delivery) -> None:
    raw = BLOCKED.replace(b"5.1.1", b"5.7.1")
    record_report(receive_report(delivery.return_token, raw, "smtp").pk)
    delivery.refresh_from_db()
    assert delivery.reason == "sender_blocked"
    alert = Alert.objects.get()
    assert (alert.reason, alert.remote) == ("sender_blocked", "customer.test")
    assert "blocked using zen" in alert.last_words


def test_a_bounce_of_what_was_counted_is_not_counted_again(delivery: Delivery) -> None:
    Delivery.objects.update(state=State.FAILED, reason="sender_blocked")
    raw = BLOCKED.replace(b"5.1.1", b"5.7.1")
    record_report(receive_report(delivery.return_token, raw, "smtp").pk)
    assert not Alert.objects.exists()


@pytest.mark.parametrize("ours", [True, False], ids=["settled", "lease lost"])
def test_a_refusal_on_the_spot_raises_one(
    alice: User, portal_channel: Channel, make_delivery: MakeDelivery, ours: bool
) -> None:
    make_delivery(alice)
    lease = Lease.new()
    in_hand = claim_due(portal_channel, alice.pk, lease)
    error = TransportError(
        "5.7.26 Unauthenticated email from acme.test is not accepted due to DMARC",
        Verdict.REFUSED,
        code=550,
        enhanced="5.7.26",
        remote="relay.portal.test",
    )
    settle(
        [not_accepted(in_hand[0], error, AT)], in_hand, lease if ours else Lease.new()
    )
    # Not the server that we hand mail to: it may only pass on what another said.
    assert Alert.objects.filter(
        reason="auth_failed", remote="customer.test", number=1
    ).exists() is (ours)
