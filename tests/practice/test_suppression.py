"""An address that the outside world refuses, bounces or complains of is suppressed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from pytest_django import Settings

from conversations.bounces.receiver import BounceReceiver
from conversations.bounces.recording import record_report
from conversations.delivering import deliver_lane
from conversations.models import Delivery, Report, Suppression
from conversations.models.state import State
from conversations.sending.stopping import stopping
from deliveryportal.accounts.models import User
from deliveryportal.practice.models import PracticeMail
from deliveryportal.practice.relay import PracticeRelay
from tests.portal import wait_until

MakeDelivery = Callable[..., Delivery]


@pytest.fixture
def world(
    start_relay: Callable[[tuple[str, int]], PracticeRelay], settings: Settings
) -> Iterator[PracticeRelay]:
    """The practice relay, whose bounces come back to the real receiver."""
    stopping.clear()
    receiver = BounceReceiver(
        host="127.0.0.1", port=0, protocol="smtp", size_limit=200_000
    )
    receiver.start()
    relay = start_relay(receiver.address)
    settings.PORTAL_RELAY_URL = relay.url
    yield relay
    receiver.stop()


def sent(delivery: Delivery) -> Delivery:
    deliver_lane(delivery.channel_id, delivery.sender_id)
    delivery.refresh_from_db()
    return delivery


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        ("unknown@customer.test", "address_unknown"),
        ("late-unknown@customer.test", "address_unknown"),
        ("complaint@customer.test", "complaint"),
    ],
)
def test_the_next_mail_to_it_is_not_sent_and_says_why(
    alice: User,
    make_delivery: MakeDelivery,
    world: PracticeRelay,
    quicken: Callable[..., None],
    recipient: str,
    reason: str,
) -> None:
    quicken(recipient.partition("@")[0], answer_after=timedelta(seconds=0.1))
    first = sent(make_delivery(alice, recipient))
    if first.state == State.ACCEPTED:
        wait_until(Report.objects.exists)
        record_report(Report.objects.get().pk)
    found = Suppression.objects.get()
    assert (found.address, found.reason) == (recipient, reason)
    assert found.delivery == first
    taken = PracticeMail.objects.count()

    second = sent(make_delivery(alice, recipient))
    assert (second.state, second.reason) == (State.FAILED, "suppressed")
    assert second.suppression == found
    assert second.remote_words == found.sentence
    assert PracticeMail.objects.count() == taken, "nothing went out"


@pytest.mark.parametrize("recipient", ["full@customer.test", "blocked@customer.test"])
def test_what_does_not_speak_of_the_address_or_not_yet_stops_nothing(
    alice: User, make_delivery: MakeDelivery, world: PracticeRelay, recipient: str
) -> None:
    for _ in range(4):
        assert sent(make_delivery(alice, recipient)).reason != "suppressed"
    assert not Suppression.objects.exists()


def test_the_fifth_full_mailbox_in_four_weeks_is_the_last(
    alice: User, make_delivery: MakeDelivery, world: PracticeRelay
) -> None:
    reasons = [
        sent(make_delivery(alice, "full@customer.test")).reason for _ in range(6)
    ]
    assert reasons == ["mailbox_full"] * 5 + ["suppressed"]
