"""Who comes next: nobody stands behind another's thousands, or behind a host that hangs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from queue import Queue

import dramatiq
import pytest
import time_machine
from django.db import OperationalError, connection, transaction
from django.utils.timezone import now
from dramatiq import Message
from pytest_django import Settings

from channels.allowance import Limit
from channels.far_ends import end_all_sessions, session
from channels.models import Allowance, Channel
from conversations import delivering
from conversations.delivering import deliver_lane
from conversations.models import Delivery, Lane
from conversations.models.state import State
from conversations.sending import crowding, turns
from conversations.sending.stopping import stopping
from conversations.sending.turns import (
    BELIEVED,
    LaneId,
    announce_all_again,
    announced,
    not_announced,
    take_turn,
)
from conversations.sweeping import end_all_leases, sweep
from conversations.tasks import announce_lanes, work_lane
from deliveryportal.accounts.models import User
from tests.channels.spending import spend
from tests.conftest import delivery_by
from tests.peers.scripted_smtp import ScriptedSmtp

MakeDelivery = Callable[..., Delivery]


@pytest.fixture(autouse=True)
def _empty_queue() -> Iterator[None]:
    stopping.clear()
    dramatiq.get_broker().flush("lanes")
    yield
    dramatiq.get_broker().flush("lanes")


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[LaneId]:
    """The announcements that the queue has taken."""
    told: list[LaneId] = []
    monkeypatch.setattr(work_lane, "send", lambda *ids: told.append(LaneId(*ids)))
    return told


def lane_of(delivery: Delivery) -> LaneId:
    return LaneId(delivery.channel_id, delivery.sender_id)


def test_a_lane_that_no_worker_takes_is_not_announced_at_every_sweep(
    alice: User, make_delivery: MakeDelivery, queue: list[LaneId]
) -> None:
    make_delivery(alice)
    for minute in range(60):
        with time_machine.travel(now() + timedelta(minutes=minute), tick=False):
            sweep()
    assert len(queue) <= timedelta(hours=1) / BELIEVED[-1] + len(BELIEVED)


def test_an_announcement_that_was_lost_is_repeated_soon(
    alice: User, make_delivery: MakeDelivery, queue: list[LaneId]
) -> None:
    make_delivery(alice)
    sweep()
    sweep()
    assert len(queue) == 1
    with time_machine.travel(now() + BELIEVED[0]):
        sweep()
    assert len(queue) == 2


def test_a_queue_that_takes_nothing_is_asked_once_for_all_lanes(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: MakeDelivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each asking may cost seconds, and there may be hundreds of lanes."""
    lanes = [lane_of(make_delivery(user)) for user in (alice, bob, charlie)]
    asked: list[LaneId] = []
    taken = {min(lanes)}

    def enqueue(message: Message[object], delay: int | None = None) -> None:
        asked.append(LaneId(*message.args))
        if not taken.issuperset(asked):
            raise ConnectionError("it is short of memory")

    broker = dramatiq.get_broker()
    monkeypatch.setattr(broker, "enqueue", enqueue)
    assert announce_lanes(lanes) == 1
    assert len(asked) == 2
    taken.update(lanes)
    assert announce_lanes(lanes) == 2, "the next who looks tries the others again"
    assert asked[2:] == sorted(lanes)[1:]


def test_ten_thousand_single_mails_are_one_announcement(
    alice: User, make_delivery: MakeDelivery, queue: list[LaneId]
) -> None:
    lane = lane_of(make_delivery(alice))
    for _ in range(100):
        announce_lanes([lane])
    assert queue == [lane]


def test_what_is_queued_while_its_lane_is_worked_announces_itself(
    alice: User, make_delivery: MakeDelivery, queue: list[LaneId], settings: Settings
) -> None:
    lane = lane_of(make_delivery(alice))
    announce_lanes([lane])
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        assert take_turn(lane) == []
    announce_lanes([lane])
    assert len(queue) == 2


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="elsewhere one writes at a time"
)
@pytest.mark.django_db(transaction=True)
def test_a_worker_waits_for_mail_that_is_queued_without_an_announcement(
    alice: User, make_delivery: MakeDelivery, queue: list[LaneId]
) -> None:
    lane = lane_of(make_delivery(alice))
    assert ask(lane) == []
    announce_lanes([lane])

    def take_it_up() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '50ms'")
            take_turn(lane)

    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            assert ask(lane) == [(1,)]
            # Who queues more for it meanwhile announces it, and does not wait.
            assert other.submit(ask, lane).result() == []
            with pytest.raises(OperationalError, match="lock timeout"):
                other.submit(take_it_up).result()
        assert other.submit(ask, lane).result() == [(1,)]
        other.submit(disconnect).result()


def disconnect() -> None:
    connection.close()  # the thread's own


def ask(lane: LaneId) -> list[tuple[int]]:
    with connection.cursor() as cursor:
        cursor.execute(*announced(lane))
        return list(cursor.fetchall())


def test_a_worker_that_starts_has_every_due_lane_announced(
    alice: User, make_delivery: MakeDelivery, queue: list[LaneId]
) -> None:
    make_delivery(alice)
    sweep()
    announce_all_again()
    sweep()
    assert len(queue) == 2


def test_what_a_queue_that_is_away_did_not_take_is_announced_at_the_next_sweep(
    alice: User, make_delivery: MakeDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_delivery(alice)

    def away(*ids: int) -> None:
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(work_lane, "send", away)
        assert sweep().lanes == 0
    assert sweep().lanes == 1


def test_a_turn_that_lasts_too_long_gives_the_rest_of_its_batch_back(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.LANE_MILLISECONDS = 0
    settings.IN_HAND = 5
    mail = [make_delivery(alice, f"p{n}@customer.test") for n in range(12)]
    lane = lane_of(mail[0])
    taken = 0
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        more = True
        while more:
            more = deliver_lane(*lane)
            taken += 1
    assert taken >= 12, "each turn sent one, and the next came from the back"
    assert len(relay.messages) == 12
    assert Delivery.objects.filter(state=State.ACCEPTED, attempts=1).count() == 12


def test_a_lane_whose_host_is_full_waits_without_a_worker_and_is_called(
    alice: User, bob: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.FAR_END_SESSIONS = 1
    first, second = lane_of(make_delivery(alice)), lane_of(make_delivery(bob))
    host = Channel.objects.default().far_end
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        with session(host, lambda: None):
            assert take_turn(second) == []
            assert Lane.objects.get().waits_for == host
            assert relay.connections == 0
        assert take_turn(first) == []
    assert Delivery.objects.filter(state=State.ACCEPTED).count() == 2


def test_a_worker_stays_with_a_host_for_a_time_only(
    alice: User,
    bob: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(turns, "STAY", 0)
    settings.FAR_END_SESSIONS = 1
    settings.LANE_MILLISECONDS = 0
    first, second = lane_of(make_delivery(alice)), lane_of(make_delivery(bob))
    make_delivery(alice)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        assert take_turn(first) == [first], "nobody else waits"
        make_delivery(alice)
        with session(Channel.objects.default().far_end, lambda: None):
            assert take_turn(second) == []
        assert take_turn(first) == [second]


def test_a_worker_stays_with_no_host_while_something_waits_in_its_process(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: Queue[str] = Queue()
    monkeypatch.setattr(crowding, "taken", [taken])
    settings.LANE_MILLISECONDS = 0
    lane, _ = lane_of(make_delivery(alice)), [make_delivery(alice) for _ in range(3)]
    accepted = Delivery.objects.filter(state=State.ACCEPTED)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        taken.put("another's announcement")
        assert take_turn(lane) == [lane]
        assert accepted.count() == 1
        taken.get()
        assert take_turn(lane) == []
        assert accepted.count() == 4


def test_lanes_take_turns_while_a_worker_stays_with_their_host(
    alice: User, bob: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.FAR_END_SESSIONS = 1
    settings.LANE_MILLISECONDS = 0
    first = [make_delivery(alice, f"p{n}@alice.test") for n in range(3)]
    second = [make_delivery(bob, f"p{n}@bob.test") for n in range(3)]
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        with session(Channel.objects.default().far_end, lambda: None):
            assert take_turn(lane_of(second[0])) == []
        assert take_turn(lane_of(first[0])) == []
        to = [c.partition(b"@")[2][:5] for c in relay.commands if c.startswith(b"RCPT")]
    assert to == [b"alice", b"bob.t"] * 3


def test_a_lane_that_was_called_goes_on_by_its_own_channel(
    alice: User, bob: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    """Not by that of the lane which was done before it, at the same host."""
    settings.FAR_END_SESSIONS = 1
    settings.LANE_MILLISECONDS = 0
    settings.SMTP_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with ScriptedSmtp() as server:
        host, _, port = server.url.removeprefix("smtp://").partition(":")
        config = {"host": host, "port": port, "security": "none"}
        first, second = (
            Channel.objects.create(kind="smtp", owner=owner, config=config)
            for owner in (alice, bob)
        )
        delivery_by(first, alice)
        for _ in range(3):
            delivery_by(second, bob)
        with session(first.far_end, lambda: None):
            assert take_turn(LaneId(second.pk, bob.pk)) == []
        assert take_turn(LaneId(first.pk, alice.pk)) == []
    assert len(server.messages) == 4


def test_a_channel_that_broke_in_one_lanes_turn_is_not_used_in_the_next_lanes(
    alice: User, bob: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.FAR_END_SESSIONS = 1
    settings.SMTP_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    first, second = make_delivery(alice), make_delivery(bob)
    with ScriptedSmtp(MAIL=b"530 5.7.0 sign in first") as server:
        port = server.url.rpartition(":")[2]
        channel = Channel.objects.create(
            kind="smtp",
            team=alice.team,
            config={"host": "127.0.0.1", "port": port, "security": "none"},
        )
        Delivery.objects.update(channel=channel)
        with session(channel.far_end, lambda: None):
            assert take_turn(LaneId(channel.pk, second.sender_id)) == []
        take_turn(LaneId(channel.pk, first.sender_id))
    channel.refresh_from_db()
    assert channel.health == Channel.Health.PAUSED
    assert server.connections == 1


def test_who_comes_anew_goes_before_those_who_have_just_had_a_turn(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.FAR_END_SESSIONS = 1
    settings.LANE_MILLISECONDS = 0
    many = [make_delivery(each) for each in (alice, bob) for _ in range(3)]
    first, second = lane_of(many[0]), lane_of(many[-1])
    single = lane_of(make_delivery(charlie))
    begun: list[LaneId] = []

    def deliver(
        channel_id: int, sender_id: int, channel: Channel | None = None
    ) -> bool:
        begun.append(LaneId(channel_id, sender_id))
        if len(begun) == 3:
            assert take_turn(single) == [], "the session is taken"
        return deliver_lane(channel_id, sender_id, channel=channel)

    monkeypatch.setattr(turns, "deliver_lane", deliver)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        with session(Channel.objects.default().far_end, lambda: None):
            assert take_turn(second) == []
        take_turn(first)
    assert begun[:4] == [first, second, first, single]


def test_a_lane_that_waits_is_found_though_nobody_calls_it(
    alice: User, make_delivery: MakeDelivery, settings: Settings, queue: list[LaneId]
) -> None:
    settings.FAR_END_SESSIONS = 1
    lane = lane_of(make_delivery(alice))
    with session(Channel.objects.default().far_end, lambda: None):
        take_turn(lane)
    with time_machine.travel(now() + timedelta(seconds=30)):
        sweep()
    assert queue == [lane]


def test_who_waits_keeps_its_place_when_it_is_announced_again(
    alice: User, bob: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    """Nobody called it, or it was called and another has been quicker again."""
    settings.FAR_END_SESSIONS = 1
    first, second = lane_of(make_delivery(alice)), lane_of(make_delivery(bob))
    host, start = Channel.objects.default().far_end, now()
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        with time_machine.travel(start) as clock, session(host, lambda: None):
            take_turn(first)
            since = Lane.objects.get().waits_since
            clock.shift(timedelta(seconds=3))
            take_turn(second)
            clock.shift(timedelta(seconds=3))
            take_turn(first)
            assert turns._call_next(host) == [first]
            take_turn(first)
            assert Lane.objects.get(sender=alice).waits_since == since
        assert take_turn(first) == []
    assert len(relay.messages) == 2
    assert not Lane.objects.exclude(waits_since=None).exists(), "both have had a turn"


@pytest.mark.django_db(transaction=True)
def test_a_host_that_hangs_keeps_its_sessions_busy_and_no_other_worker(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: MakeDelivery,
    settings: Settings,
) -> None:
    """Two workers, two lanes on a host that hangs, one on a host that does not."""
    settings.FAR_END_SESSIONS = 1
    settings.SMTP_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    goes_on = threading.Event()

    def hang(line: bytes) -> bytes:
        goes_on.wait(30)
        return b"250 2.1.5 ok"

    def by(server: str, sender: User) -> LaneId:
        host, _, port = server.removeprefix("smtp://").partition(":")
        config = {"host": host, "port": port, "security": "none"}
        channel, _ = Channel.objects.get_or_create(
            kind="smtp", owner=sender, defaults={"config": config}
        )
        delivery = make_delivery(sender)
        Delivery.objects.filter(pk=delivery.pk).update(channel=channel)
        return LaneId(channel.pk, sender.pk)

    def work(lane: LaneId) -> list[LaneId]:
        try:
            return take_turn(lane)
        finally:
            connection.close()

    with (
        ScriptedSmtp(RCPT=hang) as slow,
        ScriptedSmtp() as quick,
        ThreadPoolExecutor(2) as workers,
    ):
        settings.PORTAL_RELAY_URL = quick.url
        stuck = workers.submit(work, by(slow.url, alice))
        try:
            while not slow.connections:
                assert not stuck.done()
            also_there = workers.submit(work, by(slow.url, bob))
            assert also_there.result(10) == [], "the worker is free again"
            other = lane_of(make_delivery(charlie))
            assert workers.submit(work, other).result(10) == []
            assert len(quick.messages) == 1
            assert not stuck.done()
        finally:
            goes_on.set()
        assert stuck.result(30) == []
        assert len(slow.messages) == 2, "and took the one that waited, when it went on"
    end_all_sessions()


def test_a_lane_whose_turns_break_is_overdue_and_not_announced_at_once(
    alice: User, make_delivery: MakeDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = lane_of(make_delivery(alice))
    assert not_announced([lane]) == [lane]

    def breaks(*args: object, **kwargs: object) -> bool:
        raise RuntimeError

    monkeypatch.setattr(turns, "deliver_lane", breaks)
    with pytest.raises(RuntimeError):
        take_turn(lane)
    assert not Lane.objects.attended(now() - timedelta(minutes=1)).exists()
    assert not_announced([lane]) == []


def test_what_breaks_before_anything_leaves_uses_nothing_of_a_limit(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Channel.objects.create(kind="smtp", owner=alice, connected_at=now())
    mail = delivery_by(server, alice)

    def is_away(channel: Channel) -> None:
        raise OperationalError

    monkeypatch.setattr(delivering, "open_channel", is_away)
    with pytest.raises(OperationalError):
        delivering.deliver_lane(server.pk, alice.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (State.QUEUED, 0)
    assert not Allowance.objects.exists()


def test_who_is_alone_has_nothing_in_hand(alice: User) -> None:
    server = Channel.objects.create(kind="smtp", owner=alice, connected_at=now())
    limit = Limit(server, Allowance.objects.asked(server, alice.pk)[0])
    assert spend(limit, 25) == 25
    end_all_leases()
    [(when, number)] = Allowance.objects.get().recent
    assert when <= now().timestamp()
    assert number == 25
