"""How a limit is kept while a lane is worked off, and what that costs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import Settings

from channels.allowance import OF_THE_PROVIDER, Limit, hold
from channels.models import Allowance, Channel
from conversations import delivering
from conversations.delivering import claim, deliver_lane, look_ahead
from conversations.models import Delivery
from conversations.models.state import State
from conversations.sending.lease import Lease
from deliveryportal.accounts.models import User
from tests.channels.spending import spend
from tests.conversations.lanes import claim_due, has_queued
from tests.peers.scripted_smtp import ScriptedSmtp

MakeDelivery = Callable[..., Delivery]


def let(user: User, **limit: int) -> Channel:
    user.team.sending_limits.create(kind="portal", **limit)
    return Channel.objects.default()


def counted() -> int:
    return Allowance.objects.get().usage.in_24_hours(now())


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="elsewhere no network is in between"
)
def test_a_limit_costs_one_round_trip_a_batch(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    let(alice, messages=100)
    asked = list[int]()
    for limit in (None, 100, 100):
        alice.team.sending_limits.update(messages=limit)
        mail, *_ = [make_delivery(alice) for _ in range(5)]
        with ScriptedSmtp() as relay, CaptureQueriesContext(connection) as statements:
            settings.PORTAL_RELAY_URL = relay.url
            deliver_lane(mail.channel_id, mail.sender_id)
        assert len(relay.messages) == 5
        asked.append(len(statements))
    free, _, limited = asked  # the first limited one makes the row
    assert limited == free + 1


def test_what_others_have_spent_since_is_not_claimed(
    alice: User, make_delivery: MakeDelivery
) -> None:
    channel = let(alice, messages=3, seconds=60)
    for _ in range(5):
        make_delivery(alice)
    first, second, third = (look_ahead(channel, alice.pk) for _ in range(3))
    assert [len(each.deliveries) for each in (first, second, third)] == [3, 3, 3]
    ours = claim(first.deliveries[1:], Lease.new(), first)
    assert len(ours) == 2
    assert claim(second.deliveries, Lease.new(), second) == [second.deliveries[0]]
    assert claim(third.deliveries, Lease.new(), third) == []
    assert counted() == 3
    assert Allowance.objects.on_hold(now()).exists()


def test_what_was_counted_and_could_not_be_claimed_is_given_back(
    alice: User, make_delivery: MakeDelivery
) -> None:
    channel = let(alice, messages=3, seconds=60)
    taken, kept = make_delivery(alice), make_delivery(alice)
    batch = look_ahead(channel, alice.pk)
    Delivery.objects.filter(pk=taken.pk).update(state=State.FAILED)
    assert claim(batch.deliveries, Lease.new(), batch) == [kept]
    assert counted() == 2
    batch.limit.gone(1)
    assert counted() == 1


def test_each_portion_is_counted_as_it_is_claimed_and_all_as_gone_at_once(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let(alice, messages=5, seconds=60)
    monkeypatch.setattr(delivering, "CLAIMED", 2)
    settings.IN_HAND = 2
    lane, before = has_queued(alice, 7), list[int]()

    def note(batch: Any, transport: Any) -> Any:
        before.append(counted())
        return compose(batch, transport)

    compose = delivering.compose
    monkeypatch.setattr(delivering, "compose", note)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        deliver_lane(*lane)
    assert len(relay.messages) == 5
    assert before == sorted(before)
    assert (before[0], before[-1]) == (2, 5)
    [(gone, number)] = Allowance.objects.get().recent
    assert number == 5
    assert gone <= now().timestamp()


def test_once_the_provider_asks_for_rest_no_portion_is_claimed(
    alice: User, make_delivery: MakeDelivery
) -> None:
    channel = let(alice, messages=50, seconds=60)
    for _ in range(3):
        make_delivery(alice)
    batch, until = look_ahead(channel, alice.pk), now() + timedelta(hours=1)
    hold(channel, alice.pk, until, OF_THE_PROVIDER)
    for each in batch.deliveries:
        assert claim([each], Lease.new(), batch) == []
    assert Allowance.objects.get().held_until == until


def test_what_others_have_spent_since_counts_for_each_portion(
    alice: User, make_delivery: MakeDelivery
) -> None:
    channel = let(alice, messages=4, seconds=60)
    for _ in range(4):
        make_delivery(alice)
    batch = look_ahead(channel, alice.pk)
    other = Limit(channel, Allowance.objects.asked(channel, alice.pk)[0])
    assert spend(other, 3) == 3
    first, *rest = batch.deliveries
    assert claim([first], Lease.new(), batch) == [first]
    assert [claim([each], Lease.new(), batch) for each in rest] == [[], [], []]
    assert batch.limit.was_reached
    assert counted() == 4


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_is_rolled_back_has_counted_nothing(
    alice: User, make_delivery: MakeDelivery
) -> None:
    """Nor does it take away what others have counted, when that is told as gone."""
    channel, delivery = let(alice, messages=3, seconds=60), make_delivery(alice)
    other = Limit(channel, Allowance.objects.asked(channel, alice.pk)[0])
    assert spend(other, 1) == 1
    batch = look_ahead(channel, alice.pk)
    with suppress(LookupError), transaction.atomic():
        assert claim(batch.deliveries, Lease.new(), batch) == [delivery]
        raise LookupError
    assert counted() == 1
    batch.limit.gone(0)
    assert counted() == 1
    assert claim_due(channel, alice.pk) == [delivery]
    assert counted() == 2
