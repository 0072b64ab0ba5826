"""How often lanes have begun to rest for a limit: counted once, by whoever notes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from channels.allowance import Limit, hold
from channels.models import Allowance, Channel, SendingLimit
from conversations.models import Total
from deliveryportal.accounts.models import User
from tests.channels.spending import spend


def waits() -> int:
    return sum(Total.objects.filter(name="waits").values_list("number", flat=True))


def limit_of(user: User) -> Limit:
    channel = Channel.objects.default()
    [allowance] = Allowance.objects.asked(channel, user.pk)
    return Limit(channel, allowance)


def take(user: User, wanted: int) -> int:
    limit = limit_of(user)
    return spend(limit, limit.room(wanted))


@pytest.fixture
def _three_a_minute(alice: User) -> None:
    SendingLimit.objects.create(team=alice.team, kind="portal", messages=3, seconds=60)


@pytest.mark.usefixtures("_three_a_minute")
def test_a_lane_that_reaches_its_limit_is_counted_once_until_it_may_go_on(
    alice: User, bob: User
) -> None:
    assert take(alice, 3) == 3
    assert waits() == 0
    assert [take(alice, 1) for _ in range(3)] == [0, 0, 0]
    assert waits() == 1
    assert take(bob, 5) == 3
    assert take(bob, 5) == 0
    assert waits() == 2
    assert Total.objects.get(name="waits").label == "portal"
    Allowance.objects.update(held_until=now())
    assert take(alice, 1) == 0
    assert waits() == 3


@pytest.mark.usefixtures("_three_a_minute")
@pytest.mark.django_db(transaction=True)
def test_of_eight_workers_that_find_it_reached_one_counts_it(alice: User) -> None:
    def work(_: int) -> int:
        try:
            return sum(take(alice, 1) for _ in range(3))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as workers:
        assert sum(workers.map(work, range(8))) == 3
    assert waits() == 1


@pytest.mark.usefixtures("_three_a_minute")
def test_nobody_has_waited_for_a_limit_that_was_raised_as_it_was_reached(
    alice: User,
) -> None:
    assert take(alice, 3) == 3
    limit = limit_of(alice)
    SendingLimit.objects.update(messages=8)
    assert limit.room(50) == 5
    assert waits() == 0


def test_what_the_provider_asks_for_is_counted_and_not_its_asking_again(
    alice: User,
) -> None:
    portal = Channel.objects.default()
    for minutes in (5, 9):
        until = now() + timedelta(minutes=minutes)
        hold(portal, alice.pk, until, "the limit of the provider")
    assert waits() == 1
