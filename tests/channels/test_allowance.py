from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils.timezone import now

from channels.allowance import allowance
from channels.models import Allowance, Channel, SendingLimit, pace_of
from deliveryportal.accounts.models import User


def take(channel: Channel, user: User, wanted: int) -> int:
    with transaction.atomic(), allowance(channel, user.pk, wanted) as lane:
        lane.spend(lane.room)
        return lane.room


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


def test_a_batch_costs_one_question_and_one_update(
    alice: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    unlimited = Channel.objects.default()
    own = Channel.objects.create(kind="smtp", owner=alice)
    with transaction.atomic():
        with django_assert_num_queries(1), allowance(unlimited, alice.pk, 50) as lane:
            lane.spend(50)
        with allowance(own, alice.pk, 5) as lane:
            lane.spend(5)  # makes the row
        with django_assert_num_queries(2), allowance(own, alice.pk, 5) as lane:
            lane.spend(5)


def test_a_limit_that_is_raised_meanwhile_counts(alice: User) -> None:
    channel = limited(alice, messages=3, seconds=60)
    assert take(channel, alice, 5) == 3
    assert take(channel, alice, 5) == 0
    SendingLimit.objects.update(messages=8)
    Allowance.objects.update(held_until=None)
    assert take(channel, alice, 50) == 5
