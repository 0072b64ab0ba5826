from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from conversations.lists import counting
from conversations.lists.counting import Counting
from conversations.lists.folders import FOLDERS
from conversations.models import Delivery
from conversations.models.state import State
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


def counted(asked: Counting) -> list[str]:
    """Count, and return the statements that it takes."""
    statements = []

    def hear(execute: Any, statement: str, *args: Any) -> Any:
        statements.append(statement)
        return execute(statement, *args)

    with connection.execute_wrapper(hear):
        asked.count()
    return statements


def test_what_is_narrowed_down_is_planned_apart_from_whole_lists(
    alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    make_delivery(alice, state=State.FAILED)
    asked = Counting()
    whole = asked.of_lists(alice)(FOLDERS["failed"].everything)
    narrowed = asked.matches(Delivery.objects.filter(recipient="nobody@else.where"))
    statements = counted(asked)
    assert [int(each) for each in (whole, narrowed)] == [1, 0]
    by_recipient = '"recipient" = '
    assert [by_recipient in each for each in statements] == [False, True]


def test_of_what_a_member_sent_no_more_is_looked_at_than_is_counted(
    alice: User, bob: User, make_delivery: Callable[..., Delivery]
) -> None:
    for sender in (alice, alice, bob):
        make_delivery(sender, state=State.ACCEPTED)
    asked = Counting()
    everybodys, hers = asked.of_lists(bob), asked.of_lists(bob, alice)
    numbers = [ask(FOLDERS["sent"].everything) for ask in (everybodys, hers)]
    [sql] = counted(asked)
    assert [int(each) for each in numbers] == [3, 2]
    # Delivered, and handed over: each in the order of a member's index.
    assert sql.count("ORDER BY") == 2
