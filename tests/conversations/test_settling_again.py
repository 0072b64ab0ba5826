"""The database goes away at the worst moment: an answer that is known is not lost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, close_old_connections, connection, transaction
from pytest_django import Settings

from conversations import delivering
from conversations.delivering import LONGEST_PAUSE, SETTLED_WITHIN, deliver_lane
from conversations.models import Delivery, DeliveryEvent
from conversations.models.state import State
from conversations.sending import letters, outcomes
from conversations.sending.lease import Lease
from conversations.sending.letters import enclosed_files
from conversations.sending.outcomes import Outcome, accepted
from conversations.sending.slowing import slow_down
from conversations.sweeping import end_all_leases, sweep
from deliveryportal.accounts.models import User
from tests.peers.scripted_smtp import ScriptedSmtp

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., Delivery]
PEOPLE = 3


@pytest.fixture
def relay(settings: Settings) -> Iterator[ScriptedSmtp]:
    """One mail in hand at a time."""
    settings.IN_HAND = 1
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        yield relay


@pytest.fixture
def lane(alice: User, make_delivery: Make) -> Delivery:
    made = [make_delivery(alice, f"p{n}@customer.test") for n in range(PEOPLE)]
    return made[0]


def lose_the_database() -> None:
    """End this connection as a restart does; SQLite knows only its lock."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    raise OperationalError("database is locked")


class Once:
    """`fault` in the place of a function, the first time it is called."""

    def __init__(self, original: Callable[..., object], fault: Callable[[], None]):
        self._original = original
        self._fault = fault
        self.times = 0

    def __call__(self, *arguments: object) -> object:
        self.times += 1
        if self.times == 1:
            self._fault()
        return self._original(*arguments)


def send_all(lane: Delivery) -> None:
    while deliver_lane(lane.channel_id, lane.sender_id):
        pass


def assert_each_was_sent_once(relay: ScriptedSmtp) -> None:
    rows = Delivery.objects.values_list("state", "attempts")
    assert list(rows) == [(State.ACCEPTED, 1)] * PEOPLE
    assert len(relay.messages) == PEOPLE
    events = DeliveryEvent.objects.values_list("kind", flat=True)
    assert list(events) == [DeliveryEvent.Kind.ACCEPTED] * PEOPLE


def test_a_handful_that_the_database_did_not_take_is_settled_once_it_is_back(
    lane: Delivery, relay: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle = Once(slow_down, lose_the_database)
    monkeypatch.setattr(delivering, "slow_down", settle)
    send_all(lane)
    assert settle.times > 1
    assert_each_was_sent_once(relay)


def test_a_commit_whose_answer_is_lost_counts_once(
    lane: Delivery, relay: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next handful was claimed before, and none of that had been sent."""

    def once_committed() -> None:
        transaction.on_commit(lose_the_database)

    settle = Once(slow_down, once_committed)
    monkeypatch.setattr(delivering, "slow_down", settle)
    send_all(lane)
    assert settle.times > 1
    assert_each_was_sent_once(relay)


@pytest.mark.parametrize("committed", [False, True])
def test_an_answer_that_was_about_to_be_noted_counts_once(
    lane: Delivery,
    relay: ScriptedSmtp,
    monkeypatch: pytest.MonkeyPatch,
    committed: bool,
) -> None:
    """Whether the database has written it or not when it goes away."""
    note, times = delivering.note, 0

    def unheard(results: list[Outcome], lease: Lease) -> bool:
        nonlocal times
        times += 1
        if times == 2:
            assert not committed or note(results, lease)
            lose_the_database()
        return note(results, lease)

    monkeypatch.setattr(delivering, "note", unheard)
    send_all(lane)
    assert_each_was_sent_once(relay)


def test_what_is_claimed_when_the_database_goes_is_in_no_doubt(
    lane: Delivery, relay: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = delivering.claim

    def claimed_unheard(*arguments: object) -> object:
        claim(*arguments)  # type: ignore[arg-type]
        lose_the_database()
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(delivering, "claim", claimed_unheard)
        deliver_lane(lane.channel_id, lane.sender_id)
    assert not relay.messages
    rows = Delivery.objects.values_list("state", "attempts")
    assert list(rows) == [(State.QUEUED, 0)] * PEOPLE
    send_all(lane)
    assert_each_was_sent_once(relay)


def test_a_letter_that_the_database_cannot_be_asked_for_is_in_no_doubt(
    lane: Delivery, relay: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Once(enclosed_files, lose_the_database)
    monkeypatch.setattr(letters, "enclosed_files", asked)
    deliver_lane(lane.channel_id, lane.sender_id)
    send_all(lane)
    assert asked.times > 1
    assert_each_was_sent_once(relay)


class Clock:
    """Waiting takes no time, and a stop may come when so much of it is over."""

    def __init__(self, patch: pytest.MonkeyPatch, stops_at: float = math.inf) -> None:
        self.passed = 0.0
        self.stops_at = stops_at
        self._monotonic = time.monotonic
        patch.setattr(time, "monotonic", lambda: self._monotonic() + self.passed)
        patch.setattr(time, "sleep", self.sleep)
        patch.setattr(delivering, "stopping", self)

    def is_set(self) -> bool:
        return self.passed >= self.stops_at

    def sleep(self, seconds: float) -> None:
        self.passed += seconds

    def wait(self, seconds: float) -> None:
        self.passed = min(self.passed + seconds, max(self.stops_at, self.passed))


class Away:
    """A database that takes nothing for so many seconds, and then does."""

    def __init__(self, patch: pytest.MonkeyPatch, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._settle = delivering.settle
        patch.setattr(delivering, "settle", self)

    def __call__(self, *arguments: Any) -> object:
        if self._clock.passed < self._seconds:
            lose_the_database()
        return self._settle(*arguments)


def test_a_database_that_is_away_for_minutes_leaves_no_answer_in_doubt(
    lane: Delivery,
    relay: ScriptedSmtp,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    seconds = settings.LEASE_SECONDS * 0.9
    with monkeypatch.context() as patch:
        Away(patch, Clock(patch), seconds)
        deliver_lane(lane.channel_id, lane.sender_id)
    send_all(lane)
    assert_each_was_sent_once(relay)


def test_a_database_that_stays_away_is_waited_for_until_the_lease_nears_its_end(
    lane: Delivery,
    relay: ScriptedSmtp,
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
) -> None:
    with monkeypatch.context() as patch:
        clock = Clock(patch)
        Away(patch, clock, math.inf)
        with pytest.raises(OperationalError):
            deliver_lane(lane.channel_id, lane.sender_id)
    left = settings.LEASE_SECONDS - clock.passed
    assert 0 < left < SETTLED_WITHIN + LONGEST_PAUSE
    states = Delivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [State.HANDING_OVER] * PEOPLE
    end_all_leases()
    assert sweep().unconfirmed == 1  # the others are noted
    assert list(states.all()) == [State.ACCEPTED, State.ACCEPTED, State.UNCONFIRMED]


@pytest.mark.parametrize("stops_at", [0, 100, 103])
def test_whoever_is_asked_to_stop_waits_for_the_database_a_little_longer(
    lane: Delivery,
    relay: ScriptedSmtp,
    monkeypatch: pytest.MonkeyPatch,
    stops_at: float,
) -> None:
    """Whether that comes before it goes away or while it is away."""
    with monkeypatch.context() as patch:
        clock = Clock(patch)

        def stop(*arguments: Any) -> object:
            clock.stops_at = stops_at
            return accepted(*arguments)

        patch.setattr(outcomes, "accepted", stop)
        Away(patch, clock, math.inf)
        with pytest.raises(OperationalError):
            deliver_lane(lane.channel_id, lane.sender_id)
    assert 0 < SETTLED_WITHIN - (clock.passed - stops_at) < 2 * LONGEST_PAUSE


def test_an_answer_whose_lease_was_ended_while_the_database_was_away_is_only_told(
    lane: Delivery, relay: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another had the database back before, and has given up waiting for it."""
    settle = Once(delivering.settle, lose_the_database)
    # Once as it was about to be settled, and once as it was again.
    again = Once(settle, lose_the_database)
    monkeypatch.setattr(delivering, "settle", again)

    def meanwhile(seconds: float) -> None:
        close_old_connections()
        end_all_leases()
        assert sweep().unconfirmed == 1

    monkeypatch.setattr(delivering, "_pause", meanwhile)
    deliver_lane(lane.channel_id, lane.sender_id)
    states = Delivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == [State.ACCEPTED, State.ACCEPTED, State.UNCONFIRMED]
    assert len(relay.messages) == PEOPLE
    last = DeliveryEvent.objects.filter(kind=DeliveryEvent.Kind.LATE_ANSWER).get()
    assert last.delivery.state == State.UNCONFIRMED
