from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection
from django.utils.timezone import now
from pytest_django import Settings

from channels.models import Allowance, Channel, EmailIdentity
from channels.smtp.session import SmtpSession
from channels.throttle import Sent
from channels.transports import OutgoingEmail, Receipt
from conversations import delivering
from conversations.delivering import claim, deliver_lane, look_ahead
from conversations.models import Delivery, DeliveryEvent, Hold
from conversations.models.state import State
from conversations.sending import letters, outcomes
from conversations.sending.lease import Lease
from conversations.sending.letters import addressee
from conversations.sending.outcomes import Outcome, accepted
from conversations.sending.retry_policy import PAUSES, TRIES
from conversations.sending.stopping import stopping
from conversations.sweeping import give_up_handing_over
from deliveryportal.accounts.models import User
from tests.conversations.lanes import claim_due
from tests.peers.scripted_smtp import HANG_UP, ScriptedSmtp

MakeDelivery = Callable[..., Delivery]
Kind = DeliveryEvent.Kind
TWO_DAYS = timedelta(days=2)
CANNOT_BE_USED = "The channel’s settings cannot be used."


@pytest.fixture(autouse=True)
def _not_stopping() -> Iterator[None]:
    stopping.clear()
    yield
    stopping.clear()


def run_lane(delivery: Delivery) -> bool:
    return deliver_lane(delivery.channel_id, delivery.sender_id)


def after(delivery: Delivery) -> Delivery:
    delivery.refresh_from_db()
    return delivery


def kinds(delivery: Delivery) -> list[str]:
    return [event.kind for event in delivery.events.all()]


def test_an_accepted_message_is_settled_with_the_remote_words(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        assert run_lane(delivery) is False
    after(delivery)
    assert delivery.state == State.ACCEPTED
    assert delivery.accepted_at is not None
    assert (delivery.lease, delivery.lease_until) == ("", None)
    assert delivery.attempts == 1
    event = delivery.events.get()
    assert (event.kind, event.code, event.remote_words, event.attempt) == (
        Kind.ACCEPTED,
        250,
        "2.0.0 taken",
        1,
    )


def test_the_envelope_sender_is_the_secret_return_path_and_no_header_tells_it(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(delivery)
    mail_from = next(c for c in relay.commands if c.startswith(b"MAIL FROM"))
    assert f"<b{delivery.return_token}@bounce.portal.test>".encode() in mail_from
    assert delivery.return_token.encode() not in relay.messages[0]
    assert message_from_bytes(relay.messages[0])["From"] == (
        "Alice Acme <alice@acme.test>"
    )


@pytest.mark.parametrize(
    ("replies", "state", "reason", "kind"),
    [
        ({"RCPT": b"550 5.1.1 no such user"}, "failed", "address_unknown", "failed"),
        ({"RCPT": b"552 5.2.2 mailbox full"}, "failed", "mailbox_full", "failed"),
        ({"RCPT": b"451 4.7.1 greylisted"}, "queued", "", "deferred"),
        ({"RCPT": HANG_UP}, "queued", "", "deferred"),
        ({"banner": HANG_UP}, "queued", "", "deferred"),
        ({"content": HANG_UP}, "unconfirmed", "unconfirmed", "unconfirmed"),
    ],
)
def test_each_answer_leads_to_its_state(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    replies: dict[str, bytes],
    state: str,
    reason: str,
    kind: str,
) -> None:
    delivery = make_delivery(alice)
    with ScriptedSmtp(**replies) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(delivery)
    after(delivery)
    assert (delivery.state, delivery.reason) == (state, reason)
    assert kinds(delivery) == [kind]
    assert (delivery.lease, delivery.lease_until) == ("", None)


def test_what_was_put_off_says_why_and_until_when(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)
    with ScriptedSmtp(RCPT=b"451 4.7.1 try again in 90 seconds") as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(delivery)
    after(delivery)
    assert delivery.waiting_for == "customer.test asked us to slow down"
    wait = delivery.not_before - now()
    assert timedelta(seconds=80) < wait < timedelta(seconds=90 * 1.1 + 5)


def test_after_two_days_of_trying_it_has_failed(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice, tried_since=now(), not_before=now() + TWO_DAYS)
    with (
        time_machine.travel(now() + TWO_DAYS),
        ScriptedSmtp(RCPT=b"451 4.7.1 greylisted") as relay,
    ):
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(delivery)
    after(delivery)
    assert delivery.state == State.FAILED
    assert delivery.remote_words == "4.7.1 greylisted"
    assert "two days" in delivery.events.get().note


@pytest.mark.parametrize(
    ("attempts", "asked", "state"),
    [(1, 0, State.QUEUED), (TRIES, 0, State.FAILED), (1, 1000, State.FAILED)],
    ids=["it was", "it had all its tries before", "other mail to its domain was tried"],
)
def test_days_in_which_mail_was_not_tried_are_not_days_of_trying(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    attempts: int,
    asked: int,
    state: State,
) -> None:
    """For a limit of ours or an admin's pause, say. Domains that ask us for less mail
    are another matter: there one mail after the other is tried."""
    delivery = make_delivery(alice, tried_since=now(), attempts=attempts)
    Hold.objects.create(
        scope=Hold.Scope.SLOWED,
        channel=delivery.channel,
        domain="customer.test",
        until=now() + TWO_DAYS - timedelta(minutes=1),
        times=asked,
    )
    with (
        time_machine.travel(now() + TWO_DAYS),
        ScriptedSmtp(RCPT=b"451 4.7.1 greylisted") as relay,
    ):
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(delivery)
        assert after(delivery).state == state
        if state == State.QUEUED:
            assert delivery.tried_since is not None
            assert now() - delivery.tried_since < timedelta(minutes=1)


def test_what_waits_for_a_server_that_is_away_has_its_two_days_after_a_standstill(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    deliveries = [make_delivery(alice, tried_since=now()) for _ in range(3)]
    with (
        time_machine.travel(now() + TWO_DAYS),
        ScriptedSmtp(banner=b"421 4.3.2 busy") as relay,
    ):
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(deliveries[0])
        since = [after(each).tried_since for each in deliveries]
        assert all(each and now() - each < timedelta(minutes=1) for each in since)


def test_a_server_that_stays_away_is_given_up_for_all_mail_after_two_days_of_trying(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    """One mail is tried for all, and the two days of the others run with its own."""
    for number in range(5):
        make_delivery(alice, f"p{number}@customer.test")
    begun = now()
    delivery = Delivery.objects.all()[0]
    with (
        time_machine.travel(begun) as clock,
        ScriptedSmtp(banner=b"421 4.3.2 busy") as relay,
    ):
        settings.PORTAL_RELAY_URL = relay.url
        while waiting := Delivery.objects.filter(state=State.QUEUED).order_by(
            "not_before"
        ):
            clock.move_to(waiting[0].not_before)
            assert now() - begun < TWO_DAYS + PAUSES[-1]
            run_lane(delivery)
    assert set(Delivery.objects.values_list("reason", flat=True)) == {"channel_down"}


def test_what_was_claimed_and_not_begun_has_not_been_tried(
    alice: User, make_delivery: MakeDelivery
) -> None:
    """Whether its worker puts it back, or the sweeper does when that has died."""
    deliveries = [make_delivery(alice, f"p{n}@customer.test") for n in range(2)]
    lease = Lease.new()
    assert claim_due(deliveries[0].channel, alice.pk, lease) == deliveries
    delivering.settle([], deliveries, lease)
    assert [after(each).tried_since for each in deliveries] == [None, None]
    claim_due(deliveries[0].channel, alice.pk, replace(lease, token="1:dies"))
    Delivery.objects.update(lease_until=now())
    give_up_handing_over(now())
    assert (after(deliveries[1]).state, deliveries[1].tried_since) == (
        State.QUEUED,
        None,
    )


def test_waiting_before_the_first_try_is_not_trying(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)
    with (
        time_machine.travel(now() + timedelta(days=5)),
        ScriptedSmtp(RCPT=b"451 4.7.1 greylisted") as relay,
    ):
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(delivery)
    assert after(delivery).state == State.QUEUED


def test_a_server_that_is_away_for_two_days_is_asked_once_for_all_that_gives_up(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    first = make_delivery(alice, tried_since=now(), not_before=now() + TWO_DAYS)
    second = make_delivery(alice, not_before=now() + TWO_DAYS)
    with (
        time_machine.travel(now() + TWO_DAYS),
        ScriptedSmtp(banner=b"421 4.3.2 busy") as relay,
    ):
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(first)
    assert relay.connections == 1
    assert (after(first).state, first.reason) == (State.FAILED, "channel_down")
    assert after(second).state == State.QUEUED
    assert second.waiting_for == "Portal servers cannot take mail at the moment"


def test_a_relay_that_is_away_is_asked_once_for_the_whole_batch(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    deliveries = [make_delivery(alice, f"p{n}@customer.test") for n in range(12)]
    with ScriptedSmtp(banner=b"421 4.3.2 busy") as relay:
        settings.PORTAL_RELAY_URL = relay.url
        assert run_lane(deliveries[0]) is False
    assert relay.connections == 1
    waiting = Delivery.objects.filter(state=State.QUEUED, not_before__gt=now())
    assert waiting.count() == 12
    assert waiting.exclude(waiting_for="").count() == 12
    assert sum(waiting.values_list("attempts", flat=True)) == 1


def test_a_turn_goes_on_batch_after_batch_by_one_connection(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.LANE_BATCH = 3
    deliveries = [make_delivery(alice, f"p{n}@customer.test") for n in range(4)]
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        assert run_lane(deliveries[0]) is False
    assert len(relay.messages) == 4
    assert relay.connections == 1


def test_where_nothing_counts_what_was_not_sent_is_not_given_back(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = list[tuple[int, int]]()

    def gone(allowance: Allowance, in_hand: Sent, number: int, *at: datetime) -> bool:
        asked.append((sum(each for _, each in in_hand), number))
        return True

    monkeypatch.setattr(Allowance, "gone", gone)
    settings.LANE_MILLISECONDS = 0  # over after the first
    deliveries = [make_delivery(alice, f"p{n}@customer.test") for n in range(3)]
    for limited in (False, True):
        if limited:
            alice.team.sending_limits.create(kind="portal", messages=2)
        with ScriptedSmtp() as relay:
            settings.PORTAL_RELAY_URL = relay.url
            run_lane(deliveries[0])
        assert len(relay.messages) == 1
        assert asked == [(2, 1)] * limited


def test_a_limit_is_kept_while_a_mail_waits_for_its_answer_longer_than_it_lasts(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    """Nobody knows whether its server has counted it already."""
    alice.team.sending_limits.create(kind="portal", messages=2, seconds=45)
    deliveries = [make_delivery(alice, f"p{n}@customer.test") for n in range(4)]
    lane, meanwhile = deliveries[0], list[int]()
    with (
        time_machine.travel(now(), tick=False) as clock,
        ScriptedSmtp() as relay,
        pytest.MonkeyPatch.context() as patch,
    ):

        def late(*answer: Any) -> Outcome:
            clock.shift(timedelta(seconds=60))
            meanwhile.append(len(look_ahead(lane.channel, alice.pk).deliveries))
            return accepted(*answer)

        settings.PORTAL_RELAY_URL = relay.url
        with patch.context() as slowly:
            slowly.setattr(outcomes, "accepted", late)
            run_lane(lane)
        assert meanwhile == [0, 0]
        clock.shift(timedelta(seconds=44))
        run_lane(lane)
        assert len(relay.messages) == 2
        clock.shift(timedelta(seconds=2))
        run_lane(lane)
        assert len(relay.messages) == 4


def test_what_is_not_due_is_not_claimed(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice, not_before=now() + timedelta(minutes=1))
    assert claim_due(delivery.channel, alice.pk) == []


def test_a_lane_takes_only_its_own_senders_mail(
    alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(bob)
    mine = make_delivery(alice)
    assert claim_due(mine.channel, alice.pk) == [mine]


def test_two_workers_never_claim_the_same_delivery(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    assert claim_due(delivery.channel, alice.pk) == [delivery]
    assert claim_due(delivery.channel, alice.pk) == []


def test_handing_over_is_committed_before_the_bytes_go(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)
    seen: list[str] = []

    def at_mail_from(line: bytes) -> bytes:
        seen.extend(sent_states)
        return b"250 ok"

    sent_states: list[str] = []
    original = delivering.compose

    def watch(delivery: Delivery, transport: object) -> object:
        sent_states.append(Delivery.objects.get(pk=delivery.pk).state)
        return original(delivery, transport)  # type: ignore[arg-type]

    with (
        ScriptedSmtp(MAIL=at_mail_from) as relay,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(delivering, "compose", watch)
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(delivery)
    assert seen == [State.HANDING_OVER]


def test_what_another_worker_was_quicker_to_claim_is_not_sent_twice(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    batch = look_ahead(delivery.channel, alice.pk)
    assert claim_due(delivery.channel, alice.pk) == [delivery]
    assert claim(batch.deliveries, Lease.new(), batch) == []


def test_a_result_after_the_lease_settles_nothing_and_is_kept_as_evidence(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)

    def sleep_past_the_lease(message: bytes) -> bytes:
        return b"250 2.0.0 taken, but late"

    with ScriptedSmtp(content=sleep_past_the_lease) as relay:
        settings.PORTAL_RELAY_URL = relay.url

        def late(*answer: Any) -> Outcome:
            Delivery.objects.update(lease_until=now() - timedelta(seconds=1))
            give_up_handing_over(now())
            return accepted(*answer)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outcomes, "accepted", late)
            run_lane(delivery)
    after(delivery)
    assert delivery.state == State.UNCONFIRMED
    assert set(kinds(delivery)) == {Kind.UNCONFIRMED, Kind.LATE_ANSWER}
    assert "late" in delivery.events.get(kind=Kind.LATE_ANSWER).remote_words


def test_a_clock_that_jumps_takes_no_lease_away(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)
    with (
        time_machine.travel(now(), tick=True) as clock,
        ScriptedSmtp() as relay,
        pytest.MonkeyPatch.context() as patch,
    ):

        def jump(*answer: Any) -> Outcome:
            clock.shift(timedelta(hours=1))
            return accepted(*answer)

        patch.setattr(outcomes, "accepted", jump)
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(delivery)
    after(delivery)
    assert delivery.state == State.ACCEPTED


def test_an_unverified_identity_cannot_send(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)
    EmailIdentity.objects.filter(owner=alice).update(verified_at=None)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(delivery)
    after(delivery)
    assert (delivery.state, delivery.reason) == (State.FAILED, "not_sendable")
    assert relay.messages == []


def test_mail_of_a_paused_channel_waits(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)
    Channel.objects.update(health=Channel.Health.PAUSED)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        assert run_lane(delivery) is False
    assert after(delivery).state == State.QUEUED
    assert relay.connections == 0


def test_a_channel_that_cannot_be_opened_keeps_its_mail(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice)
    settings.PORTAL_RELAY_URL = "nonsense"
    assert run_lane(delivery) is False
    after(delivery)
    assert delivery.state == State.QUEUED
    assert delivery.not_before > now()
    assert delivery.waiting_for
    assert (delivery.attempts, delivery.lease) == (1, "")
    event = delivery.events.get()
    assert (event.kind, event.attempt) == (Kind.DEFERRED, 1)
    assert event.remote_words == CANNOT_BE_USED


def test_a_channel_that_cannot_be_opened_is_tried_less_often_and_then_given_up(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.PORTAL_RELAY_URL = "nonsense"
    first, *others = (make_delivery(alice, f"p{n}@customer.test") for n in range(3))
    pauses = list[timedelta]()
    with time_machine.travel(now(), tick=False) as clock:
        began = now()
        while after(first).state == State.QUEUED:
            clock.move_to(max(now(), first.not_before))
            run_lane(first)
            pauses.append(after(first).not_before - now())
        assert now() - began == timedelta(days=2)
        assert first.attempts == len(pauses)
        assert 12 <= len(pauses) <= 15
        assert pauses[1:8] == sorted(pauses[1:8]) > pauses[:7]
        assert (first.state, first.reason) == (State.FAILED, "channel_down")
        assert first.remote_words == CANNOT_BE_USED
        assert [after(each).attempts for each in others] == [0, 0]
        for each in others:
            clock.move_to(after(each).not_before)
            run_lane(each)
    assert [after(each).state for each in others] == [State.FAILED] * 2
    notes = DeliveryEvent.objects.filter(kind=Kind.FAILED).values_list("note")
    assert set(notes) == {("Given up after two days of trying.",)}


def test_what_the_database_does_not_take_of_a_channel_that_cannot_be_opened_is_in_no_doubt(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def locked(*arguments: object) -> None:
        raise OperationalError("database is locked")

    settings.PORTAL_RELAY_URL = "nonsense"
    delivery = make_delivery(alice)
    monkeypatch.setattr(delivering, "settle", locked)
    with pytest.raises(OperationalError):
        run_lane(delivery)
    assert (after(delivery).state, delivery.attempts) == (State.QUEUED, 0)


def test_a_stop_finishes_the_mail_in_hand_and_gives_the_rest_back(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.IN_HAND = 3
    deliveries = [make_delivery(alice, f"p{n}@customer.test") for n in range(9)]

    def stop(message: bytes) -> bytes:
        stopping.set()
        return b"250 2.0.0 taken"

    with ScriptedSmtp(content=stop) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        assert run_lane(deliveries[0]) is False
    assert len(relay.messages) == 1
    states = list(Delivery.objects.order_by("pk").values_list("state", flat=True))
    assert states == [State.ACCEPTED] + [State.QUEUED] * 8
    assert Delivery.objects.filter(state=State.QUEUED, attempts=0).count() == 8


def test_a_subject_that_cannot_be_a_header_fails_alone(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    bad = make_delivery(alice, "bad@customer.test", subject="x\r\nBcc: e@example.com")
    good = make_delivery(alice, "good@customer.test")
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(good)
    assert after(bad).reason == "not_sendable"
    assert after(good).state == State.ACCEPTED


def test_a_lease_that_runs_short_is_renewed_before_the_next_message(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.LEASE_SECONDS = 1  # shorter than any hand-over may take
    delivery = make_delivery(alice)
    lease = Lease.new()
    in_hand = claim_due(delivery.channel, alice.pk, lease)
    before = Delivery.objects.get().lease_until
    settings.LEASE_SECONDS = 600
    assert before is not None
    assert delivering._renew(lease, len(in_hand))
    assert lease.ends > time.monotonic() + 300
    after = Delivery.objects.get().lease_until
    assert after is not None
    assert after > before + timedelta(minutes=5)
    Delivery.objects.update(lease_until=now())
    give_up_handing_over(now())
    assert not delivering._renew(lease, len(in_hand))


def test_a_fault_of_ours_puts_one_message_in_doubt_and_no_other(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    for number in range(4):
        make_delivery(alice, f"p{number}@customer.test")
    original = SmtpSession._finish

    def stumble(self: SmtpSession, email: OutgoingEmail, following: Any) -> Receipt:
        if email.recipient.startswith("p2"):
            raise KeyError("a bug")
        return original(self, email, following)

    with ScriptedSmtp() as relay, pytest.MonkeyPatch.context() as patch:
        patch.setattr(SmtpSession, "_finish", stumble)
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(Delivery.objects.all()[0])
    states = list(Delivery.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["accepted", "accepted", "unconfirmed", "accepted"]


def test_what_a_fault_of_ours_keeps_from_being_built_has_certainly_not_left(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    bad = make_delivery(alice, "bad@customer.test")
    good = make_delivery(alice, "good@customer.test")

    def stumble(delivery: Delivery) -> tuple[str, str]:
        if delivery.pk == bad.pk:
            raise KeyError("a bug")
        return addressee(delivery)

    with ScriptedSmtp() as relay, pytest.MonkeyPatch.context() as patch:
        patch.setattr(letters, "addressee", stumble)
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(good)
    assert (after(bad).state, bad.reason) == (State.FAILED, "not_sendable")
    assert "Nothing was sent" in bad.remote_words
    assert after(good).state == State.ACCEPTED


PIPELINING = b"250-far.test\r\n250-PIPELINING\r\n250 8BITMIME"


@pytest.mark.parametrize(
    ("replies", "states"),
    [
        ({"content": b"250 ok"}, ["accepted"] * 4),
        ({"RCPT": b"550 5.1.1 nobody", "DATA": b"554 no"}, ["failed"] * 4),
        ({"content": b"554 5.7.1 spam"}, ["failed"] * 4),
        ({"content": b"452 4.2.2 later"}, ["queued"] * 4),
    ],
)
def test_each_of_a_handful_has_its_own_answer_where_commands_come_in_groups(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    replies: dict[str, bytes],
    states: list[str],
) -> None:
    for number in range(4):
        make_delivery(alice, f"p{number}@customer{number}.test")
    with ScriptedSmtp(EHLO=PIPELINING, **replies) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(Delivery.objects.all()[0])
    found = Delivery.objects.order_by("pk").values_list("state", flat=True)
    assert list(found) == states
    to = [c for c in relay.commands if c.startswith(b"RCPT")]
    assert len(to) == 4, "each was tried once"


@pytest.mark.parametrize("message", [0, 1, 2, 3])
def test_a_connection_lost_at_a_dot_puts_that_mail_in_doubt_and_no_other(
    alice: User, make_delivery: MakeDelivery, settings: Settings, message: int
) -> None:
    for number in range(4):
        make_delivery(alice, f"p{number}@customer.test")
    taken: list[bytes] = []

    def answer(content: bytes) -> bytes:
        taken.append(content)
        return HANG_UP if len(taken) == message + 1 else b"250 2.0.0 taken"

    with ScriptedSmtp(EHLO=PIPELINING, content=answer) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(Delivery.objects.all()[0])
    found = Delivery.objects.order_by("pk").values_list("state", "attempts")
    expected: list[tuple[str, int]] = [(State.ACCEPTED, 1)] * 4
    expected[message] = (State.UNCONFIRMED, 1)
    assert list(found) == expected
    assert len(relay.messages) == 4


def test_a_stop_finishes_what_has_been_announced_where_commands_come_in_groups(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    deliveries = [make_delivery(alice, f"p{n}@customer.test") for n in range(6)]

    def stop(message: bytes) -> bytes:
        stopping.set()
        return b"250 2.0.0 taken"

    with ScriptedSmtp(EHLO=PIPELINING, content=stop) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(deliveries[0])
    assert len(relay.messages) == 2
    assert Delivery.objects.filter(state=State.ACCEPTED, attempts=1).count() == 2
    assert Delivery.objects.filter(state=State.QUEUED, attempts=0).count() == 4


@pytest.mark.parametrize("people", [2, 4])
def test_a_worker_that_sleeps_past_its_lease_sends_nothing_more(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    people: int,
) -> None:
    """Not even what it has announced, and though it was the last of its handful."""
    for number in range(people):
        make_delivery(alice, f"p{number}@customer.test")
    slept = 0.0
    monotonic = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + slept)

    def sleep(*answer: Any) -> Outcome:
        nonlocal slept
        slept = 10.0 * settings.LEASE_SECONDS
        Delivery.objects.update(lease_until=now() - timedelta(seconds=1))
        give_up_handing_over(now())
        return accepted(*answer)

    monkeypatch.setattr(outcomes, "accepted", sleep)
    settings.LANE_MILLISECONDS = 10**9
    with ScriptedSmtp(EHLO=PIPELINING) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(Delivery.objects.all()[0])
    assert len(relay.messages) == 1
    states = set(Delivery.objects.values_list("state", flat=True))
    assert states == {State.UNCONFIRMED}


@pytest.mark.parametrize("ehlo", [PIPELINING, b"250 far.test"])
def test_a_worker_whose_lease_was_ended_begins_no_other_handful(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    ehlo: bytes,
) -> None:
    """What it has not begun, though announced, is free for others: one is in doubt."""
    settings.IN_HAND = 1
    for number in range(3):
        make_delivery(alice, f"p{number}@customer.test")

    def ended(*answer: Any) -> Outcome:
        Delivery.objects.in_hand().update(lease_until=now())
        give_up_handing_over(now())
        return accepted(*answer)

    with ScriptedSmtp(EHLO=ehlo) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        with monkeypatch.context() as patch:
            patch.setattr(outcomes, "accepted", ended)
            run_lane(Delivery.objects.all()[0])
        assert len(relay.messages) == 1
        states = Delivery.objects.order_by("pk").values_list("state", flat=True)
        assert list(states) == [State.UNCONFIRMED, State.QUEUED, State.QUEUED]
        run_lane(Delivery.objects.all()[0])
        assert len(relay.messages) == 3
    assert list(states.all()) == [State.UNCONFIRMED, State.ACCEPTED, State.ACCEPTED]


# --- strictly: one mail in doubt, and the next one's envelope on its way --------


@pytest.mark.django_db(transaction=True)
def test_strictly_each_mail_is_noted_before_the_next_one_is_sent(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.IN_HAND = 1
    deliveries = [make_delivery(alice, f"p{n}@customer.test") for n in range(4)]
    noted: list[int] = []

    def look(message: bytes) -> bytes:
        noted.append(DeliveryEvent.objects.filter(kind="accepted").count())
        connection.close()
        return b"250 2.0.0 taken"

    with ScriptedSmtp(EHLO=PIPELINING, content=look) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(deliveries[0])
    assert noted == [0, 1, 2, 3]
    assert {after(each).state for each in deliveries} == {State.ACCEPTED}
    assert relay.connections == 1
    announced = [c[:4] for c in relay.commands if c[:4] in {b"MAIL", b"QUIT"}]
    assert announced.count(b"MAIL") == 4, "none is announced twice"


def test_what_the_provider_has_named_is_not_only_noted(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    """A note keeps the server's words, and not the thread that replies stay in."""
    settings.IN_HAND = 1
    delivery = make_delivery(alice)
    lease = Lease.new()
    claim_due(delivery.channel, alice.pk, lease)
    named = Receipt(words="200", thread="t1", remote_id="m1")
    answer = accepted(after(delivery), named, now())
    assert not delivering.note([answer], lease)
    assert kinds(delivery) == []
    plain = accepted(after(delivery), Receipt(words="250 ok"), now())
    assert delivering.note([plain], lease)
    assert kinds(delivery) == [Kind.ACCEPTED]


@pytest.mark.parametrize("ehlo", [PIPELINING, b"250 far.test"])
@pytest.mark.django_db(transaction=True)
def test_what_is_passed_over_never_stands_in_the_place_of_what_may_have_left(
    alice: User, make_delivery: MakeDelivery, settings: Settings, ehlo: bytes
) -> None:
    """Of a lease that has run out, the first of its ids is the one in doubt."""
    settings.IN_HAND = 1
    resting = [make_delivery(alice, f"p{n}@busy.test") for n in range(3)]
    others = [make_delivery(alice, f"p{n}@customer.test") for n in range(3)]
    first: list[str] = []

    def busy(line: bytes) -> bytes:
        return b"451 4.7.0 slow down" if b"busy" in line else b"250 2.1.5 ok"

    def look(message: bytes) -> bytes:
        held = Delivery.objects.in_hand().filter(events=None).order_by("pk")
        first.append(held.values_list("recipient", flat=True)[0])
        connection.close()
        return b"250 2.0.0 taken"

    with ScriptedSmtp(EHLO=ehlo, RCPT=busy, content=look) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run_lane(resting[0])
    assert first == [each.recipient for each in others]
    assert {after(each).state for each in others} == {State.ACCEPTED}
    assert [after(each).attempts for each in resting] == [1, 0, 0]
