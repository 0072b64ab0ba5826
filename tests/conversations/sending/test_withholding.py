from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import Settings

from channels.models import SendingLimit
from conversations.blocking import (
    AlreadySuppressedError,
    block_domain,
    release,
    suppress_address,
)
from conversations.delivering import deliver_lane
from conversations.models import Delivery, DeliveryEvent, Suppression
from conversations.models.hold import HeldBack
from conversations.models.next_due import next_due
from conversations.models.state import State
from conversations.sending.withholding import withhold
from deliveryportal.accounts.models import User
from tests.conversations.lanes import claim_due
from tests.peers.scripted_smtp import ScriptedSmtp

MakeDelivery = Callable[..., Delivery]
NINA = "nina@customer.test"


def run_lane(delivery: Delivery, settings: Settings) -> list[bytes]:
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        deliver_lane(delivery.channel_id, delivery.sender_id)
        return [each for each in relay.commands if each.upper().startswith(b"RCPT")]


def test_a_suppressed_recipient_fails_with_that_reason_and_nothing_is_sent(
    alice: User, bob: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    stopping = suppress_address(NINA, by=bob, note="Asked us to stop.")
    stopped, other = make_delivery(alice, "Nina@customer.test"), make_delivery(alice)
    assert len(run_lane(stopped, settings)) == 1
    stopped.refresh_from_db()
    other.refresh_from_db()
    assert other.state == State.ACCEPTED
    assert (stopped.state, stopped.reason, stopped.suppression) == (
        State.FAILED,
        "suppressed",
        stopping,
    )
    assert (stopped.lease, stopped.lease_until, stopped.attempts) == ("", None, 0)
    event = stopped.events.get()
    assert event.kind == DeliveryEvent.Kind.FAILED
    assert event.note == stopped.remote_words == stopping.sentence
    assert "Not sent: nina@customer.test has been suppressed since" in event.note


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_mail_that_somebody_cancels_at_this_moment_is_not_waited_for(
    alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    """They may wait for what is failed with it. The next look into the lane finds it."""
    batch = [make_delivery(alice, f"p{n}@customer.test") for n in range(3)]
    for each in batch:
        suppress_address(each.recipient, by=bob, note="Asked us to stop.")

    def look() -> list[Delivery]:
        try:
            return withhold(batch)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as hand, transaction.atomic():
        Delivery.objects.select_for_update().get(pk=batch[1].pk)
        assert hand.submit(look).result(timeout=10) == []
    states = Delivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [State.FAILED, State.QUEUED, State.FAILED]


@pytest.mark.parametrize(
    ("recipient", "stopped"),
    [
        ("anna@rival.test", True),
        ("anna@eu.rival.test", True),
        ("anna@a.b.rival.test", True),
        ("anna@notrival.test", False),
        ("anna@rival.test.example", False),
        ("rival.test@customer.test", False),
    ],
)
def test_a_blocked_domain_stops_its_subdomains_and_no_other(
    alice: User,
    bob: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    recipient: str,
    stopped: bool,
) -> None:
    block_domain("rival.test", by=bob, note="")
    delivery = make_delivery(alice, recipient)
    sent = run_lane(delivery, settings)
    delivery.refresh_from_db()
    assert (delivery.reason == "domain_blocked") is stopped
    assert bool(sent) is not stopped
    if stopped:
        assert "the team has blocked mail to rival.test since" in delivery.remote_words


def test_an_address_says_more_than_its_domain(bob: User) -> None:
    block_domain("customer.test", by=bob, note="")
    address = suppress_address(NINA, by=bob, note="")
    found = Suppression.objects.stopping(bob.team_id, [NINA, "anna@customer.test"])
    assert found[NINA] == address
    assert found["anna@customer.test"].is_domain


def test_another_teams_suppressions_stop_nothing(
    alice: User, charlie: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    suppress_address(NINA, by=charlie, note="")
    block_domain("customer.test", by=charlie, note="")
    delivery = make_delivery(alice, NINA)
    run_lane(delivery, settings)
    delivery.refresh_from_db()
    assert delivery.state == State.ACCEPTED


def test_a_released_one_stops_nothing(
    alice: User, bob: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    release(suppress_address(NINA, by=bob, note=""), by=bob, because="Wrong.")
    delivery = make_delivery(alice, NINA)
    run_lane(delivery, settings)
    delivery.refresh_from_db()
    assert delivery.state == State.ACCEPTED


def test_a_batch_asks_once_whatever_its_size(
    alice: User, make_delivery: MakeDelivery
) -> None:
    for number in range(20):
        made = make_delivery(alice, f"p{number}@mail.customer{number}.test")
    batch = next_due(made.channel_id, alice.pk, now(), 50, HeldBack())
    with CaptureQueriesContext(connection) as queries:
        assert withhold(batch) == batch
    assert len(queries) == 1


def test_what_another_worker_has_claimed_meanwhile_is_left_to_it(
    alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice, NINA)
    batch = next_due(delivery.channel_id, alice.pk, now(), 50, HeldBack())
    assert claim_due(delivery.channel, alice.pk) == batch
    suppress_address(NINA, by=bob, note="")
    assert withhold(batch) == []
    delivery.refresh_from_db()
    assert delivery.state == State.HANDING_OVER
    assert not delivery.events.exists()


def test_what_was_withheld_uses_nothing_of_the_limit(
    alice: User, bob: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    SendingLimit.objects.create(
        team=bob.team, kind="portal", messages=2, seconds=3600, per_day=None
    )
    suppress_address(NINA, by=bob, note="")
    for _ in range(2):
        make_delivery(alice, NINA)
    others = [make_delivery(alice, f"p{number}@customer.test") for number in range(2)]
    run_lane(others[0], settings)
    assert len(run_lane(others[0], settings)) == 2
    assert Delivery.objects.filter(state=State.ACCEPTED).count() == 2


def test_suppressing_twice_by_hand_says_who_did_it_first(
    alice: User, bob: User
) -> None:
    first = suppress_address(NINA, by=bob, note="")
    with pytest.raises(AlreadySuppressedError) as caught:
        suppress_address("NINA@customer.test", by=bob, note="")
    assert caught.value.suppression == first
