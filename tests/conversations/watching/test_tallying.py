from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils.timezone import now

from conversations.models import Delivery, DeliveryEvent, Report, Tally, Total
from conversations.watching.figures import figures
from conversations.watching.tallying import SETTLED_AFTER, tally
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
Kind = DeliveryEvent.Kind
NOON = datetime(2026, 3, 2, 12, 10, tzinfo=UTC)
A_MOMENT = SETTLED_AFTER + timedelta(seconds=1)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as clock:
        yield clock


def happened(delivery: Delivery, kind: Kind) -> None:
    DeliveryEvent.objects.create(delivery=delivery, kind=kind, at=now())


def counted() -> dict[str, int]:
    return dict(Tally.objects.values_list("kind", "number"))


def test_events_are_counted_once_and_by_the_hour(
    clock: time_machine.Traveller, alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    for kind in (Kind.WRITTEN, Kind.DEFERRED, Kind.ACCEPTED):
        happened(delivery, kind)
    tally()
    clock.shift(A_MOMENT)
    assert tally() >= 3  # ids, on PostgreSQL counted on from other tests
    assert tally() == 0
    assert counted() == {"deferred": 1, "accepted": 1}
    row = Tally.objects.get(kind="accepted")
    assert row.hour == NOON.replace(minute=0)
    assert (row.team, row.sender) == (alice.team, alice)


def test_what_comes_later_in_the_same_hour_is_added(
    clock: time_machine.Traveller, alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    for _ in range(3):
        happened(delivery, Kind.DEFERRED)
        tally()
        clock.shift(A_MOMENT)
        tally()
    assert counted() == {"deferred": 3}


def test_an_event_whose_transaction_may_still_be_open_waits(
    clock: time_machine.Traveller, alice: User, make_delivery: MakeDelivery
) -> None:
    """Ids are given before the commit: a lower one may become visible later."""
    happened(make_delivery(alice), Kind.ACCEPTED)
    tally()
    clock.shift(SETTLED_AFTER - timedelta(seconds=1))
    tally()
    assert counted() == {}


def test_the_time_from_due_to_handed_over_falls_into_buckets(
    clock: time_machine.Traveller, alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    clock.shift(timedelta(seconds=2))
    happened(delivery, Kind.ACCEPTED)
    tally()
    clock.shift(A_MOMENT)
    tally()
    totals = figures().totals
    assert totals["latency", "1.0"] == 0
    assert totals["latency", "2.5"] == totals["latency", "+Inf"] == 1
    assert totals["latency_ms", ""] == 2000


def test_counting_goes_on_after_the_clock_was_put_back(
    clock: time_machine.Traveller, alice: User, make_delivery: MakeDelivery
) -> None:
    happened(make_delivery(alice), Kind.ACCEPTED)
    tally()
    clock.shift(-timedelta(hours=1))
    for _ in range(2):
        tally()
        clock.shift(A_MOMENT)
    tally()
    assert counted() == {"accepted": 1}


def test_reports_are_counted_by_the_way_they_came(
    clock: time_machine.Traveller, db: None
) -> None:
    Report.objects.create(raw=b"", source="smtp", digest="1")
    tally()
    clock.shift(A_MOMENT)
    tally()
    assert Total.objects.get(name="reports").label == "smtp"


def test_what_waits_is_told_by_channel_and_age(
    clock: time_machine.Traveller, alice: User, make_delivery: MakeDelivery
) -> None:
    for wait in (timedelta(), timedelta(minutes=5), timedelta(days=2)):
        make_delivery(alice, not_before=now() - wait)
    make_delivery(alice, not_before=now() + timedelta(hours=1))
    make_delivery(alice, state="accepted")
    assert figures().queued == {
        ("portal", "under 1 min"): 1,
        ("portal", "under 10 min"): 1,
        ("portal", "older"): 1,
        ("portal", "later"): 1,
    }
    assert figures().oldest_due == timedelta(days=2)
