from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict

from conversations.lists import counting
from conversations.lists.browsing import Browsing
from conversations.lists.columns import Layout
from conversations.lists.counting import Counting
from conversations.models import Delivery
from conversations.models.state import State, Triage
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def seen_by(user: User, query: str) -> tuple[int, int]:
    """How many match by the count, and how many stand on the page."""
    browsing = Browsing.of(user, "failed", QueryDict(query))
    assert browsing is not None
    asked = Counting()
    matching = browsing.count(asked)
    asked.count()
    return int(matching), len(browsing.page(Layout((), 50), matching).rows)


@pytest.mark.parametrize(
    ("query", "to_bob", "to_alice"),
    [
        ("triage=open", 3, 2),
        ("triage=waiting", 1, 1),
        ("list=bounced&triage=open", 1, 0),
        ("triage=open&q=customer", 3, 2),
        ("when=7", 4, 3),
        ("reason=mailbox_full", 4, 3),
    ],
)
def test_as_many_are_counted_as_are_shown_however_an_index_finds_them(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: MakeDelivery,
    query: str,
    to_bob: int,
    to_alice: int,
) -> None:
    for triage in (Triage.OPEN, Triage.OPEN, Triage.WAITING):
        make_delivery(alice, state=State.FAILED, triage=triage, reason="mailbox_full")
    make_delivery(bob, state=State.BOUNCED, reason="mailbox_full")
    make_delivery(charlie, state=State.FAILED, reason="mailbox_full")
    assert seen_by(bob, query) == (to_bob, to_bob)
    assert seen_by(alice, query) == (to_alice, to_alice)


@pytest.mark.parametrize(
    ("query", "found"),
    [("q=customer", 3), ("q=nobody", 0), ("list=bounced&q=customer", 1)],
)
def test_few_are_looked_for_once(
    alice: User,
    make_delivery: MakeDelivery,
    query: str,
    found: int,
    django_assert_max_num_queries: Callable[[int], Any],
) -> None:
    for state in (State.FAILED, State.FAILED, State.BOUNCED):
        make_delivery(alice, state=state)
    browsing = Browsing.of(alice, "failed", QueryDict(query))
    assert browsing is not None
    asked = Counting()
    matching = browsing.count(asked, with_ids=True)
    with django_assert_max_num_queries(2) as queries:
        asked.count()
        rows = browsing.page(Layout((), 50), matching).rows
    assert (int(matching), len(rows)) == (found, found)
    assert sum("UPPER(" in each["sql"] for each in queries) == 1
    assert rows == sorted(rows, key=lambda row: row.state_since, reverse=True)


def test_more_than_are_counted_are_read_in_their_order(
    alice: User, make_delivery: MakeDelivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "CAP", 2)
    for _ in range(4):
        make_delivery(alice, state=State.FAILED)
    browsing = Browsing.of(alice, "failed", QueryDict("q=customer"))
    assert browsing is not None
    asked = Counting()
    matching = browsing.count(asked, with_ids=True)
    asked.count()
    assert str(matching) == "2+"
    assert len(browsing.page(Layout((), 50), matching).rows) == 4


@pytest.mark.parametrize(
    ("cap", "told"),
    [(6, "2"), (5, "1+"), (2, "")],  # 2 of 6 match, the 1st and the 2nd of them
)
def test_what_no_index_counts_is_counted_among_the_latest(
    alice: User,
    make_delivery: MakeDelivery,
    monkeypatch: pytest.MonkeyPatch,
    cap: int,
    told: str,
) -> None:
    for module in ("browsing", "counting"):
        monkeypatch.setattr(f"conversations.lists.{module}.CAP", cap)
    for number in range(6):
        make_delivery(
            alice,
            "anna@acme.test" if number < 2 else "bert@customer.test",
            state=State.ACCEPTED,
            state_since=NOON + timedelta(days=number),
        )
    browsing = Browsing.of(alice, "sent", QueryDict("q=anna"))
    assert browsing is not None
    assert not browsing.can_be_counted
    asked = Counting()
    found = browsing.count_latest(asked)
    asked.count()
    assert str(found) == told


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ("q=customer", [5, 4]),
        ("q=customer&end=1", [2, 1]),
        ("q=customer&sort=oldest", [1, 2]),
        ("q=customer&sort=oldest&end=1", [4, 5]),
    ],
)
def test_of_few_no_more_are_read_than_stand_on_the_page(
    alice: User,
    make_delivery: MakeDelivery,
    query: str,
    page: list[int],
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    for number in range(1, 6):
        make_delivery(
            alice,
            f"{number}@customer.test",
            state=State.FAILED,
            state_since=NOON + timedelta(days=number % 3),
        )
    # The dates do not follow the numbers of the rows, nor do the rows their dates.
    by_date = list(Delivery.objects.order_by("state_since", "pk"))
    browsing = Browsing.of(alice, "failed", QueryDict(query))
    assert browsing is not None
    asked = Counting()
    matching = browsing.count(asked, with_ids=True)
    asked.count()
    with django_assert_num_queries(1) as queries:
        found = browsing.page(Layout((), 2), matching)
    assert [by_date.index(row) + 1 for row in found.rows] == page
    assert bool(found.previous) is ("end" in query)
    assert bool(found.next) is ("end" not in query)
    [among] = re.findall(r"IN \(([^)]*)\)", queries[0]["sql"])
    assert len(among.split(",")) == 3  # and one to know whether there are more


def test_the_pages_of_few_cover_them_once(
    alice: User, make_delivery: MakeDelivery
) -> None:
    for number in range(5):
        at = NOON + timedelta(days=number % 3)
        make_delivery(alice, state=State.FAILED, state_since=at)
    seen, query = [], "q=customer"
    while query:
        browsing = Browsing.of(alice, "failed", QueryDict(query))
        assert browsing is not None
        asked = Counting()
        matching = browsing.count(asked, with_ids=True)
        asked.count()
        page = browsing.page(Layout((), 2), matching)
        seen += page.rows
        query = f"q=customer&after={page.next}" if page.next else ""
    assert seen == list(Delivery.objects.order_by("-state_since", "-pk"))


@pytest.mark.parametrize(
    ("tab", "query", "in_order"),
    [
        ("failed", "", True),
        ("failed", "member={alice}", False),
        ("pending", "", True),
        ("pending", "list=scheduled", False),
        ("sent", "member={alice}&when=30", True),
        ("sent", "q=customer", True),
    ],
)
def test_an_index_is_followed_where_no_other_could_be_better(
    alice: User,
    bob: User,
    tab: str,
    query: str,
    in_order: bool,
) -> None:
    address = QueryDict(query.format(alice=alice.pk))
    browsing = Browsing.of(bob, tab, address)
    assert browsing is not None
    statements = []

    def hear(execute: Any, statement: str, *args: Any) -> Any:
        statements.append(statement)
        return execute(statement, *args)

    with connection.execute_wrapper(hear):
        browsing.page(Layout((), 50))
    lists = [each for each in statements if "ORDER BY" in each]
    assert lists
    assert {"LIMIT (SELECT" in each for each in lists} == {in_order}


def test_an_index_has_what_is_open_of_a_cause_in_its_order(bob: User) -> None:
    query = QueryDict("triage=open&cause=spam_policy:bigco.com")
    browsing = Browsing.of(bob, "failed", query)
    assert browsing is not None
    [part] = browsing.parts
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    plan = part.ordered(None, down=True).explain()
    assert "conv_delivery_cause" in plan
