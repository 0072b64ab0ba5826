from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conversations import counting
from conversations.counting import Counting
from conversations.models import Delivery
from deliveryportal.accounts.models import User


def test_numbers_are_exact_up_to_the_cap(
    alice: User,
    make_delivery: Callable[..., Delivery],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "CAP", 3)
    for _ in range(3):
        make_delivery(alice)
    every = Delivery.objects.all()
    asked = Counting()
    three = asked.number(every)
    six = asked.number(every, every)
    none = asked.number(every.none())
    asked.count()
    assert [str(each) for each in (three, six, none)] == ["3", "3+", "0"]
    assert [bool(each) for each in (three, six, none)] == [True, True, False]


def test_all_are_counted_in_one_query(
    alice: User, django_assert_num_queries: Callable[[int], object]
) -> None:
    asked = Counting()
    for _ in range(30):
        asked.number(Delivery.objects.all())
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        asked.count()


def test_what_an_index_finds_by_its_filters_is_counted_alike(
    alice: User,
    make_delivery: Callable[..., Delivery],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "CAP", 3)
    for _ in range(3):
        make_delivery(alice)
    every = Delivery.objects.all()
    asked = Counting()
    three, six = asked.matches(every), asked.matches(every, every)
    none = asked.matches(every.none())
    asked.count()
    assert [str(each) for each in (three, six, none)] == ["3", "3+", "0"]


def test_the_same_is_counted_once(
    alice: User,
    make_delivery: Callable[..., Delivery],
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    make_delivery(alice)
    asked = Counting()
    numbers = [asked.number(Delivery.objects.all()) for _ in range(3)]
    with django_assert_num_queries(1) as queries:
        asked.count()
    assert queries[0]["sql"].count("counted") == 1
    assert [int(each) for each in numbers] == [1, 1, 1]
