from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from channels.allowance import Limit, hold
from channels.models import Allowance, Channel, SendingLimit, pace_of
from deliveryportal.accounts.models import User
from tests.channels.spending import spend


def asked(channel: Channel, user: User) -> Limit:
    [allowance] = Allowance.objects.asked(channel, user.pk)
    return Limit(channel, allowance)


def take(channel: Channel, user: User, wanted: int) -> int:
    limit = asked(channel, user)
    number = spend(limit, limit.room(wanted))
    limit.gone()
    return number


def limited(user: User, **limits: int | None) -> Channel:
    SendingLimit.objects.create(team=user.team, kind="portal", **limits)
    return Channel.objects.default()


def test_portal_servers_are_unlimited_by_default(alice: User) -> None:
    assert take(Channel.objects.default(), alice, 500) == 500
    assert not Allowance.objects.exists()


def test_custom_smtp_has_the_default_pace(alice: User) -> None:
    channel = Channel.objects.create(kind="smtp", owner=alice)
    assert take(channel, alice, 50) == 25
    assert take(channel, alice, 50) == 0
    held = Allowance.objects.get()
    assert held.held_until is not None
    assert "25 messages every 45 seconds" in held.held_because


def test_the_managers_limit_replaces_it_for_the_team_only(
    alice: User, charlie: User
) -> None:
    channel = limited(alice, messages=3, seconds=60)
    assert take(channel, alice, 50) == 3
    assert take(channel, charlie, 50) == 50


def test_each_user_has_an_allowance_of_their_own(alice: User, bob: User) -> None:
    channel = limited(alice, messages=3, seconds=60)
    assert take(channel, alice, 2) == 2
    assert take(channel, bob, 5) == 3
    assert take(channel, alice, 5) == 1


def test_the_providers_own_daily_limit_of_an_account_holds_too(alice: User) -> None:
    channel = Channel.objects.create(kind="smtp", owner=alice, config={"per_day": 500})
    assert pace_of(channel, alice.team_id).per_day == 500


@pytest.mark.parametrize(
    "limits",
    [
        {"messages": 40, "seconds": 3600},
        {"messages": None, "per_day": 40},
        {"messages": 25, "seconds": 3600, "per_day": 40},
        {"messages": 100, "seconds": 3600, "per_day": 40},
    ],
    ids=["in a window", "a day", "both, the window is tighter", "both, the day is"],
)
@pytest.mark.django_db(transaction=True)
def test_eight_workers_together_never_exceed_the_limit(
    alice: User, limits: dict[str, int | None]
) -> None:
    channel = limited(alice, **limits)

    def work(_: int) -> int:
        try:
            return sum(take(channel, alice, 3) for _ in range(10))
        finally:
            connection.close()

    allowed = min(
        limit
        for name, limit in limits.items()
        if name != "seconds" and limit is not None
    )
    with ThreadPoolExecutor(8) as workers:
        assert sum(workers.map(work, range(8))) == allowed
    assert Allowance.objects.get().usage.in_24_hours(now()) == allowed


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.django_db(transaction=True)
def test_eight_workers_that_give_some_back_never_exceed_the_limit(
    alice: User, seed: int
) -> None:
    channel = limited(alice, messages=40, seconds=3600, per_day=60)

    def work(worker: int) -> int:
        draw, sent = random.Random(f"{seed} {worker}"), 0
        try:
            for _ in range(15):
                limit = asked(channel, alice)
                spent = spend(limit, limit.room(draw.randint(1, 6)))
                unsent = draw.randint(0, spent)
                limit.gone(spent - unsent)
                sent += spent - unsent
            return sent
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as workers:
        sent = sum(workers.map(work, range(8)))
    # Who found none may be the last to ask; what was given back can be had by the next.
    sent += take(channel, alice, 50)
    usage = Allowance.objects.get().usage
    assert sent == 40
    assert sum(number for _, number in usage.recent) == sent
    assert usage.in_24_hours(now()) == sent


def test_a_limit_costs_one_update_a_batch_and_none_costs_nothing(
    alice: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    """It is asked for together with what holds the lane back."""
    limit = asked(Channel.objects.default(), alice)
    with django_assert_num_queries(0):
        assert spend(limit, limit.room(50)) == 50
    own = Channel.objects.create(kind="smtp", owner=alice)
    take(own, alice, 5)  # makes the row
    with django_assert_num_queries(1):
        limit = asked(own, alice)
    with django_assert_num_queries(1):
        assert spend(limit, limit.room(5)) == 5


def test_of_two_workers_that_ask_together_the_second_gets_what_is_left(
    alice: User,
) -> None:
    channel = limited(alice, messages=5, seconds=60)
    take(channel, alice, 1)
    first, second, third = (asked(channel, alice) for _ in range(3))
    assert [each.room(3) for each in (first, second, third)] == [3, 3, 3]
    assert spend(first, 3) == 3
    assert spend(second, 3) == 1
    assert spend(third, 3) == 0
    assert Allowance.objects.get().usage.in_24_hours(now()) == 5
    assert Allowance.objects.on_hold(now()).exists()


def test_who_tells_late_what_is_gone_tells_of_their_own(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hangs at its first mail while the time of the limit passes, and another has
    had the rest of it twice since then: that counts on."""
    channel, at = limited(alice, messages=3, seconds=45), now()
    first = asked(channel, alice)
    assert spend(first, 2) == 2
    for seconds in (0, 46):
        then = at + timedelta(seconds=seconds)
        monkeypatch.setattr("channels.allowance.now", lambda then=then: then)
        assert take(channel, alice, 3) == 1
    first.gone(1)
    usage = Allowance.objects.get().usage
    assert [number for _, number in usage.recent] == [1, 1]
    assert usage.in_24_hours(now()) == 3
    assert take(channel, alice, 3) == 1


def test_to_tell_what_is_gone_costs_one_update_as_a_rule(
    alice: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    limit = asked(limited(alice, messages=5, seconds=60), alice)
    with django_assert_num_queries(0):
        limit.gone()
    assert spend(limit, 5) == 5
    with django_assert_num_queries(1):
        limit.gone(3)
    with django_assert_num_queries(0):
        limit.gone(3)
    assert Allowance.objects.get().usage.in_24_hours(now()) == 3


def test_a_batch_that_took_long_counts_from_its_end(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is slow to answer would see two windows' mail at once."""
    channel, at = limited(alice, messages=3, seconds=45), now()

    def pass_to(seconds: int) -> None:
        then = at + timedelta(seconds=seconds)
        monkeypatch.setattr("channels.allowance.now", lambda: then)

    limit = asked(channel, alice)
    assert spend(limit, 3) == 3
    for seconds in (30, 46, 92):
        pass_to(seconds)
        assert take(channel, alice, 3) == 0
    pass_to(100)
    limit.gone()
    for seconds, number in ((144, 0), (146, 3)):
        pass_to(seconds)
        assert take(channel, alice, 3) == number


def test_what_is_given_back_after_the_limit_was_reached_may_go_at_once(
    alice: User,
) -> None:
    channel = limited(alice, messages=3, seconds=60)
    limit = asked(channel, alice)
    assert spend(limit, 3) == 3
    assert take(channel, alice, 1) == 0
    assert Allowance.objects.on_hold(now()).exists()
    limit.gone(2)
    assert not Allowance.objects.on_hold(now()).exists()
    assert take(channel, alice, 3) == 1


def test_giving_back_does_not_end_what_the_provider_asked_for(alice: User) -> None:
    channel, until = limited(alice, messages=3, seconds=60), now() + timedelta(hours=1)
    limit = asked(channel, alice)
    assert spend(limit, 3) == 3
    hold(channel, alice.pk, until, "the limit of the provider")
    limit.gone(0)
    assert Allowance.objects.get().held_until == until
    assert Allowance.objects.get().usage.recent == []


def test_nothing_is_given_back_to_a_channel_or_a_sender_that_is_gone(
    alice: User, bob: User
) -> None:
    own = Channel.objects.create(kind="smtp", owner=alice)
    portal = limited(bob, messages=3, seconds=60)
    limits = [asked(own, alice), asked(portal, bob)]
    assert [spend(limit, 3) for limit in limits] == [3, 3]
    own.delete()
    bob.delete()
    for limit in limits:
        limit.gone(2)
    assert not Allowance.objects.exists()


def test_two_workers_may_make_the_row_together(alice: User) -> None:
    channel = limited(alice, messages=5, seconds=60)
    first, second = asked(channel, alice), asked(channel, alice)
    assert (spend(first, 3), spend(second, 3)) == (3, 2)


def test_what_the_provider_asks_for_meanwhile_is_not_overwritten(alice: User) -> None:
    channel = limited(alice, messages=5, seconds=60)
    take(channel, alice, 1)
    limit, until = asked(channel, alice), now() + timedelta(minutes=9)
    hold(channel, alice.pk, until, "the limit of the provider")
    assert spend(limit, 2) == 0
    assert Allowance.objects.get().held_until == until


def test_a_provider_may_let_wait_who_has_no_limit(alice: User) -> None:
    portal = Channel.objects.default()
    hold(portal, alice.pk, now() + timedelta(minutes=9), "the limit of the provider")
    assert take(portal, alice, 5) == 0


def test_nobody_waits_for_a_limit_that_was_raised_as_it_was_reached(
    alice: User,
) -> None:
    channel = limited(alice, messages=3, seconds=60)
    assert take(channel, alice, 3) == 3
    limit = asked(channel, alice)
    SendingLimit.objects.update(messages=8)
    assert limit.room(50) == 5
    assert not Allowance.objects.on_hold(now()).exists()


def test_a_limit_that_is_raised_meanwhile_counts(alice: User) -> None:
    channel = limited(alice, messages=3, seconds=60)
    assert take(channel, alice, 5) == 3
    assert take(channel, alice, 5) == 0
    SendingLimit.objects.update(messages=8)
    Allowance.objects.update(held_until=None)
    assert take(channel, alice, 50) == 5
