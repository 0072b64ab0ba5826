from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Event, Thread

import pytest
from django.db import connection, transaction
from django.db.models import Count, Value
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from conversations.models import CauseChange, CauseTally, Delivery
from conversations.models.state import FAILURES, State, Triage
from conversations.watching import cause_triggers
from conversations.watching.causes import causes_for
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
Numbers = dict[tuple[int, str], int]
STILL = {"lease": ""}
STATES = [*FAILURES, State.ACCEPTED, State.QUEUED]
REASONS = ["", "address_unknown", "spam_policy", "channel_down"]


def tallied() -> Numbers:
    CauseTally.objects.fold()
    rows = CauseTally.objects.exclude(number=0)
    found = rows.values_list("team", "cause", "number")
    return {(team, cause): number for team, cause, number in found}


def counted() -> Numbers:
    rows = (
        Delivery.objects.unresolved()
        .order_by()
        .values_list("team", Coalesce("cause", Value("")))
        .annotate(number=Count("*"))
    )
    return {(team, cause): number for team, cause, number in rows}


def fail(make_delivery: MakeDelivery, by: User, **fields: object) -> Delivery:
    return make_delivery(by, state=State.FAILED, reason="address_unknown", **fields)


def test_a_failure_counts_from_the_moment_it_fails_until_it_is_decided_about(
    alice: User, make_delivery: MakeDelivery
) -> None:
    made = make_delivery(alice, reason="address_unknown")
    assert tallied() == {}
    rows = Delivery.objects.filter(pk=made.pk)
    assert Delivery.objects.move([made.pk], {"state": State.FAILED}, STILL) == {made.pk}
    assert tallied() == {(alice.team_id, "address_unknown"): 1}
    rows.update(triage=Triage.LOST)
    assert tallied() == {}
    rows.update(triage=Triage.OPEN)
    assert tallied() == {(alice.team_id, "address_unknown"): 1}
    rows.delete()
    assert tallied() == {}


def test_a_failure_that_turns_out_to_have_another_cause_moves(
    alice: User, charlie: User, make_delivery: MakeDelivery
) -> None:
    made = fail(make_delivery, alice, recipient="anna@bigco.com")
    rows = Delivery.objects.filter(pk=made.pk)
    rows.update(reason="spam_policy")
    assert tallied() == {(alice.team_id, "spam_policy:bigco.com"): 1}
    rows.update(recipient_wire="anna@small.com")
    assert tallied() == {(alice.team_id, "spam_policy:small.com"): 1}
    rows.update(team=charlie.team_id)
    assert tallied() == {(charlie.team_id, "spam_policy:small.com"): 1}


def test_what_is_no_failure_notes_nothing(
    alice: User, make_delivery: MakeDelivery
) -> None:
    """Mail is sent a million times before a failure is looked at."""
    made = make_delivery(alice)
    for state in (State.DELAYED, State.ACCEPTED, State.QUEUED):
        Delivery.objects.move([made.pk], {"state": state}, STILL)
    failed = fail(make_delivery, alice)
    CauseTally.objects.fold()
    Delivery.objects.move([failed.pk], {"attempts": 3, "state": State.BOUNCED}, STILL)
    assert not CauseChange.objects.exists()


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_the_tally_is_what_counting_finds(
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery, seed: int
) -> None:
    chance = random.Random(seed)
    for number in range(12):
        make_delivery(
            chance.choice([alice, bob, charlie]),
            f"p{number}@d{chance.randrange(3)}.test",
            state=chance.choice(STATES),
            reason=chance.choice(REASONS),
        )
    for _ in range(60):
        pks = list(Delivery.objects.values_list("pk", flat=True))
        some = Delivery.objects.filter(pk__in=chance.sample(pks, min(3, len(pks))))
        change = chance.choice(["state", "triage", "reason", "archive", "delete"])
        if change == "delete" and len(pks) > 6:
            some.delete()
        elif change == "archive":
            some.update(archived_at=now(), triage=Triage.RESOLVED)
        elif change == "reason":
            some.update(reason=chance.choice(REASONS))
        elif change == "triage":
            some.update(triage=chance.choice(Triage.values))
        else:
            some.update(state=chance.choice(STATES))
        if chance.random() < 0.3:
            assert tallied() == counted()
    assert tallied() == counted()


def test_a_manager_is_told_what_counting_tells(
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery
) -> None:
    """What a span is asked of is counted; all there is stands in the tally."""
    began = now() - timedelta(days=3)
    for number, reason in enumerate(REASONS * 3):
        since = began + timedelta(hours=number)
        for _ in range(1 + number % 4):
            make_delivery(
                alice, "a@x.test", state=State.BOUNCED, reason=reason, state_since=since
            )
    make_delivery(charlie, state=State.BOUNCED, reason="address_unknown")
    assert causes_for(bob) == causes_for(bob, since=began - timedelta(days=1))
    assert causes_for(bob, 2) == causes_for(bob, 2, since=began - timedelta(days=1))


def test_what_is_decided_while_the_page_is_made_is_left_out(
    alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    made = fail(make_delivery, alice)
    CauseTally.objects.fold()
    Delivery.objects.filter(pk=made.pk).update(triage=Triage.LOST)
    CauseChange.objects.all().delete()  # as if it had not been committed
    assert causes_for(bob).shown == []


def test_migrating_counts_anew(alice: User, make_delivery: MakeDelivery) -> None:
    fail(make_delivery, alice)
    CauseTally.objects.fold()
    CauseTally.objects.update(number=99)
    fail(make_delivery, alice)
    cause_triggers.ensure(using="default")
    assert tallied() == {(alice.team_id, "address_unknown"): 2}


def test_in_an_older_state_nothing_is_noted(
    alice: User, make_delivery: MakeDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cause_triggers, "CHANGES", "not_there_any_more")
    cause_triggers.ensure(using="default")
    fail(make_delivery, alice)
    assert not CauseChange.objects.exists()


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="elsewhere one writes at a time"
)
@pytest.mark.django_db(transaction=True)
def test_two_who_fold_at_once_count_each_failure_once(
    alice: User, make_delivery: MakeDelivery
) -> None:
    begin = Barrier(4)
    stop = Event()
    problems: list[Exception] = []

    def fold() -> None:
        try:
            begin.wait(30)
            while not stop.is_set():
                CauseTally.objects.fold()
        except Exception as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [Thread(target=fold) for _ in range(3)]
    for thread in threads:
        thread.start()
    begin.wait(30)
    made = [fail(make_delivery, alice, recipient=f"p{n}@x.test") for n in range(40)]
    ids = [each.pk for each in made]
    for reason in ("spam_policy", "address_unknown", "mailbox_full"):
        with transaction.atomic():
            Delivery.objects.filter(pk__in=ids[:20]).update(reason=reason)
        Delivery.objects.filter(pk__in=ids[10:]).update(reason="channel_down")
    stop.set()
    for thread in threads:
        thread.join(60)
    assert not problems
    assert tallied() == counted()
