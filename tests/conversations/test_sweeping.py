from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Thread

import dramatiq
import pytest
import time_machine
from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now
from pytest_django import Settings

from channels.database import clock as database_clock
from channels.models import Channel, ConnectionTest
from channels.transports import Receipt
from conversations.delivering import note, settle
from conversations.models import Delivery, DeliveryEvent, Heartbeat, Report
from conversations.models.state import State
from conversations.sending import outcomes
from conversations.sending.lease import Lease
from conversations.sending.turns import LaneId, take_turn
from conversations.sweeper import Clock
from conversations.sweeping import begin_leases_anew, give_up_handing_over, sweep
from conversations.watching.figures import worst_clock
from deliveryportal.accounts.models import User
from deliveryportal.broker import InProcessBroker
from tests.conversations.lanes import claim_due
from tests.peers.scripted_smtp import ScriptedSmtp

MakeDelivery = Callable[..., Delivery]


@pytest.fixture(autouse=True)
def _empty_queue() -> Iterator[None]:
    broker = dramatiq.get_broker()
    for queue in ("lanes", "reports"):
        broker.flush(queue)
    yield
    for queue in ("lanes", "reports"):
        broker.flush(queue)


def in_hand(delivery: Delivery) -> Lease:
    lease = Lease.new()
    claim_due(delivery.channel, delivery.sender_id, lease)
    return lease


def expire() -> None:
    Delivery.objects.in_hand().update(lease_until=now() - timedelta(seconds=1))


def test_what_was_being_handed_over_is_unconfirmed_and_never_sent_again(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    in_hand(delivery)
    expire()
    swept = sweep()
    assert (swept.unconfirmed, swept.lanes) == (1, 0)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (State.UNCONFIRMED, "unconfirmed")
    assert delivery.events.get().kind == DeliveryEvent.Kind.UNCONFIRMED
    assert claim_due(delivery.channel, alice.pk) == []


def test_of_a_lease_that_runs_out_only_the_handful_at_work_is_in_doubt(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.IN_HAND = 2
    # The one that became due first was written last: ids tell the order of work.
    for number in range(5):
        made = make_delivery(alice, f"p{number}@customer.test")
        made.not_before -= timedelta(minutes=number)
        made.save(update_fields=["not_before"])
    in_hand(made)
    Delivery.objects.filter(pk=made.pk).update(lease_until=now())  # one tells of all
    settings.IN_HAND = 3  # a newer version's sweeper goes by what the worker was told
    swept = sweep()
    assert swept.unconfirmed == 2
    rows = Delivery.objects.order_by("pk").values_list("state", "attempts", "lease")
    in_doubt, not_begun = (State.UNCONFIRMED, 1, ""), (State.QUEUED, 0, "")
    assert list(rows) == [in_doubt, in_doubt, not_begun, not_begun, not_begun]
    assert DeliveryEvent.objects.count() == 2


def test_what_was_noted_as_accepted_is_in_no_doubt(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    """Its worker died before it came to settle it."""
    settings.IN_HAND = 1
    deliveries = [make_delivery(alice, f"p{n}@customer.test") for n in range(5)]
    # An earlier attempt's line is not this one's.
    old = outcomes.accepted(deliveries[3], Receipt(words="250 ok"), now())
    DeliveryEvent.objects.record([old.event])
    Delivery.objects.filter(pk=deliveries[3].pk).update(attempts=1)
    lease = in_hand(deliveries[0])
    answered = now() - timedelta(minutes=5)
    for delivery in deliveries[:2]:
        delivery.refresh_from_db()
        answer = outcomes.accepted(delivery, Receipt(words="250 ok"), answered)
        assert note([answer], lease)
    expire()
    assert sweep().unconfirmed == 1
    rows = Delivery.objects.order_by("pk").values_list("state", "accepted_at", "lease")
    assert list(rows) == [
        (State.ACCEPTED, answered, ""),
        (State.ACCEPTED, answered, ""),
        (State.UNCONFIRMED, None, ""),
        (State.QUEUED, None, ""),
        (State.QUEUED, None, ""),
    ]


def test_of_a_lease_that_does_not_tell_its_handful_all_is_in_doubt(
    alice: User, make_delivery: MakeDelivery
) -> None:
    """As an earlier version's, whose worker was stopped in a deploy."""
    for number in range(3):
        in_hand(make_delivery(alice, f"p{number}@customer.test"))
    Delivery.objects.update(lease="0f6b", lease_until=now())
    assert sweep().unconfirmed == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("writing", ["note", "settle"])
def test_a_lease_of_which_something_is_being_written_is_left_to_the_next_sweep(
    alice: User, make_delivery: MakeDelivery, settings: Settings, writing: str
) -> None:
    """Its worker is alive, and about to begin the next."""
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("needs PostgreSQL: SQLite has one writer at a time")
    settings.IN_HAND = 1
    deliveries = [make_delivery(alice, f"p{number}@customer.test") for number in "ab"]
    lease = in_hand(deliveries[0])
    expire()
    swept: list[int] = []

    def sweep_beside() -> None:
        swept.append(give_up_handing_over(now()))
        connection.close()

    with transaction.atomic():
        deliveries[0].refresh_from_db()
        answer = outcomes.accepted(deliveries[0], Receipt(words="250 ok"), now())
        if writing == "note":
            note([answer], lease)
        else:
            settle([answer], [], lease)
        beside = Thread(target=sweep_beside)
        beside.start()
        beside.join()
    assert swept == [0]
    assert give_up_handing_over(now()) == 1
    rows = Delivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(rows) == [State.ACCEPTED, State.UNCONFIRMED]


def test_a_live_lease_is_left_alone(alice: User, make_delivery: MakeDelivery) -> None:
    in_hand(make_delivery(alice))
    swept = sweep()
    assert (swept.unconfirmed, swept.lanes) == (0, 0)


def test_a_second_sweep_finds_nothing_more(
    alice: User, make_delivery: MakeDelivery
) -> None:
    in_hand(make_delivery(alice))
    expire()
    sweep()
    assert sweep().unconfirmed == 0
    assert DeliveryEvent.objects.count() == 1


def test_a_forgotten_lane_is_announced(
    alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    for _ in range(3):
        make_delivery(alice)
    make_delivery(bob)
    make_delivery(bob, not_before=now() + timedelta(hours=1))
    assert sweep().lanes == 2


def test_a_lane_at_work_announces_itself(
    alice: User, make_delivery: MakeDelivery
) -> None:
    in_hand(make_delivery(alice))
    make_delivery(alice)
    assert sweep().lanes == 0


def test_the_lane_of_a_worker_that_died_waits_for_no_lease(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    """Its message is gone with the queue. What it had in hand stays as it is."""
    in_doubt = make_delivery(alice)
    in_hand(in_doubt)
    due = make_delivery(alice)
    with time_machine.travel(now() + timedelta(seconds=21)), ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        swept = sweep()
        assert (swept.unconfirmed, swept.lanes) == (0, 1)
        assert take_turn(LaneId(due.channel_id, alice.pk)) == []
    assert len(relay.messages) == 1
    rows = Delivery.objects.order_by("pk").values_list("state", "attempts")
    assert list(rows) == [(State.HANDING_OVER, 1), (State.ACCEPTED, 1)]


def test_a_paused_channels_lanes_rest(alice: User, make_delivery: MakeDelivery) -> None:
    make_delivery(alice)
    Channel.objects.update(health=Channel.Health.PAUSED)
    assert sweep().lanes == 0


def test_a_forgotten_report_is_handed_in_again(db: None) -> None:
    old = now() - timedelta(minutes=1)
    Report.objects.create(raw=b"x", digest="1", return_token="1", received_at=old)
    Report.objects.create(raw=b"y", digest="2", return_token="2")
    assert sweep().reports == 1


def test_each_round_leaves_a_heartbeat(db: None) -> None:
    sweep()
    assert now() - Heartbeat.objects.get(role="sweep").at < timedelta(minutes=1)


def test_the_default_queue_is_in_this_process(settings: Settings) -> None:
    broker = dramatiq.get_broker()
    assert set(broker.get_declared_actors()) == {
        "read_reports",
        "run_connection_test",
        "send_digest",
        "work_job",
        "work_lane",
    }
    assert isinstance(broker, InProcessBroker) is not bool(settings.BROKER_URL)


def test_credentials_of_an_old_connection_test_are_forgotten(alice: User) -> None:
    for days in (0, 2):
        ConnectionTest.objects.create(
            user=alice, kind="smtp", created_at=now() - timedelta(days=days)
        )
    sweep()
    assert ConnectionTest.objects.count() == 1


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_jumps_neither_ends_a_lease_nor_makes_it_last(
    hours: int, alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    in_hand(make_delivery(alice))
    with time_machine.travel(now(), tick=True) as traveller:
        clock = Clock()
        traveller.shift(timedelta(hours=hours))
        assert clock.jump is not None
        for _ in range(2):  # each sweeper sees it
            begin_leases_anew()
        assert sweep().unconfirmed == 0
        traveller.shift(timedelta(seconds=settings.LEASE_SECONDS + 1))
        assert sweep().unconfirmed == 1


def test_a_clock_put_back_while_nobody_swept_makes_no_lease_last(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    in_hand(make_delivery(alice))
    with time_machine.travel(now() - timedelta(hours=1), tick=True) as traveller:
        assert sweep().unconfirmed == 0
        traveller.shift(timedelta(seconds=settings.LEASE_SECONDS + 1))
        assert sweep().unconfirmed == 1


class Clocks:
    """This machine's clock, and the database's."""

    def __init__(self, ours: time_machine.Traveller) -> None:
        self.ours, self.databases = ours, now()

    def shift(self, *, ours: int = 0, databases: int = 0) -> None:
        self.ours.shift(timedelta(seconds=ours))
        self.databases += timedelta(seconds=databases)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clocks]:
    with time_machine.travel(now(), tick=False) as traveller:
        both = Clocks(traveller)
        monkeypatch.setattr(database_clock, "database_now", lambda: both.databases)
        yield both


@pytest.mark.parametrize("wrong", ["ours", "databases"])
def test_a_lease_ends_when_it_has_ended_by_our_clock_and_by_the_databases(
    wrong: str, alice: User, make_delivery: MakeDelivery, clocks: Clocks
) -> None:
    """A sweeper whose clock is wrong takes no mail from a worker that has it in hand."""
    in_hand(make_delivery(alice))
    clocks.shift(**{wrong: settings.LEASE_SECONDS + 60})
    assert sweep().unconfirmed == 0
    clocks.shift(ours=settings.LEASE_SECONDS, databases=settings.LEASE_SECONDS)
    assert sweep().unconfirmed == 1


def test_a_sweeper_whose_clock_alone_is_put_back_ends_no_lease_for_the_others(
    alice: User, make_delivery: MakeDelivery, clocks: Clocks
) -> None:
    in_hand(make_delivery(alice))
    clocks.shift(ours=-3600)
    begin_leases_anew()
    sweep()
    delivery = Delivery.objects.get()
    assert delivery.lease_until is not None
    assert delivery.lease_until > clocks.databases
    clocks.shift(ours=3600, databases=0)
    assert sweep().unconfirmed == 0
    whole = settings.LEASE_SECONDS + 1
    clocks.shift(ours=whole, databases=whole)
    assert sweep().unconfirmed == 1


def test_a_sweeper_tells_by_how_much_its_clock_is_wrong(
    db: None, clocks: Clocks
) -> None:
    clocks.shift(ours=90)
    sweep()
    assert Heartbeat.objects.get().clock_ahead == 90
    clocks.shift(databases=90)
    assert worst_clock() == timedelta(seconds=90), "until it sweeps again"
    sweep()
    assert worst_clock() == timedelta(0)


def test_a_jump_is_there_until_it_has_been_heeded() -> None:
    """The database may be away when it is first seen."""
    with time_machine.travel(now(), tick=True) as traveller:
        clock = Clock()
        jumps = [clock.jump]
        traveller.shift(timedelta(hours=1))
        jumps += [clock.jump, clock.jump]
        clock.heeded()
        jumps.append(clock.jump)
    assert [jump is not None for jump in jumps] == [False, True, True, False]
