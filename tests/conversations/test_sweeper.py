from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event, Thread
from time import monotonic

import pytest
from django.db import InterfaceError, connection
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries, Settings

from conversations import sweeper, sweeping
from conversations.models import Delivery, Heartbeat
from conversations.sweeper import announce_on_time, sweep_until
from deliveryportal.accounts.models import User
from tests.conversations.lanes import claim_due
from tests.portal import wait_until

Make = Callable[..., Delivery]


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When a lane was announced."""
    moments: list[datetime] = []

    def announce(lanes: list[object]) -> int:
        if lanes:
            moments.append(now())
        return len(lanes)

    monkeypatch.setattr(sweeping, "announce_lanes", announce)
    return moments


@pytest.fixture
def running(settings: Settings) -> Iterator[None]:
    """The sweeper as it runs beside the product; its rounds are far apart."""
    settings.SWEEP_SECONDS = 60
    stop = Event()

    def sweep() -> None:
        try:
            sweep_until(stop)
        finally:
            connection.close()

    thread = Thread(target=sweep)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.django_db(transaction=True)
def test_scheduled_mail_is_announced_at_its_moment(
    alice: User, make_delivery: Make, announced: list[datetime], running: None
) -> None:
    wait_until(Heartbeat.objects.exists)
    due = now() + timedelta(seconds=1.2)
    make_delivery(alice, not_before=due)
    wait_until(lambda: announced, seconds=5)
    assert timedelta(0) <= announced[0] - due < timedelta(seconds=1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "fault", [InterfaceError("connection already closed"), KeyError("a bug")], ids=repr
)
def test_a_sweep_that_meets_a_fault_is_not_the_last(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """Beside the product it is a thread, and nobody would begin it again."""
    settings.SWEEP_SECONDS = 0
    stop, rounds = Event(), list[int]()

    def sweep() -> sweeping.Swept:
        rounds.append(1)
        if len(rounds) == 1:
            raise fault
        stop.set()
        return sweeping.Swept(unconfirmed=0, lanes=0, reports=0, jobs=0)

    monkeypatch.setattr(sweeper, "sweep", sweep)
    sweep_until(stop)
    assert len(rounds) == 2


def test_what_becomes_due_while_nobody_looks_is_announced_all_the_same(
    alice: User, make_delivery: Make, announced: list[datetime]
) -> None:
    swept_at = now()
    due = swept_at + timedelta(seconds=0.05)
    make_delivery(alice, not_before=due)
    Delivery.objects.update(created_at=swept_at)
    wait_until(lambda: now() > due)
    announce_on_time(Event(), monotonic() + 0.3, swept_at)
    assert len(announced) == 1


def test_however_many_have_named_the_same_time_all_are_announced(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: Make,
    announced: list[datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweeping, "AT_A_TIME", 1)
    swept_at = now()
    due = swept_at + timedelta(seconds=0.05)
    for sender in (alice, bob, charlie):
        make_delivery(sender, not_before=due)
    # However long that took.
    Delivery.objects.update(created_at=swept_at)
    announce_on_time(Event(), monotonic() + 0.3, swept_at)
    assert len(announced) == 3


def test_scheduled_mail_does_not_wait_for_what_its_lane_has_in_hand(
    alice: User, make_delivery: Make, announced: list[datetime]
) -> None:
    """A worker that has died has it in hand for minutes; one at work may read no more."""
    in_hand = make_delivery(alice)
    assert claim_due(in_hand.channel, alice.pk) == [in_hand]
    swept_at = now()
    due = swept_at + timedelta(seconds=0.05)
    make_delivery(alice, not_before=due)
    Delivery.objects.update(created_at=swept_at)
    announce_on_time(Event(), monotonic() + 0.3, swept_at)
    assert [moment >= due for moment in announced] == [True]


def test_looking_for_the_next_time_reads_none_of_the_ordinary_mail(
    alice: User,
    make_delivery: Make,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_delivery(alice)
    timed = Delivery.objects.due_between(now(), now() + timedelta(seconds=1))
    with django_assert_num_queries(1):
        assert not timed.exists()
    assert "conv_delivery_timed" in timed.explain()
