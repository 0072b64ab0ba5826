from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from conversations.lists import browsing as browsing_module
from conversations.lists import paging
from conversations.lists.browsing import Browsing
from conversations.lists.columns import Layout
from conversations.lists.counting import CAP, Counting, Number
from conversations.lists.finding import Finding, find
from conversations.models import Delivery
from conversations.models.state import State
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
MakeFailures = Callable[[str], None]
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SIZE = 2


@pytest.fixture
def make_failures(alice: User, make_delivery: MakeDelivery) -> MakeFailures:
    """Make failures to these people, the newest first."""

    def make(names: str) -> None:
        for number, name in enumerate(names.split()):
            make_delivery(
                alice,
                f"{number}.{name}@customer.test",
                state=State.FAILED,
                state_since=NOON - timedelta(hours=number),
            )

    return make


def search(
    user: User,
    query: str = "q=anna",
    tab: str = "failed",
    *,
    to_be_counted: bool = False,
    rows: int = CAP + 1,
) -> Finding:
    browsing = Browsing.of(user, tab, QueryDict(query))
    assert browsing is not None
    return find(
        browsing,
        Layout((), SIZE),
        Counting(),
        Number(rows),
        to_be_counted=to_be_counted,
    )


def told(found: Finding) -> tuple[list[str], str, bool]:
    rows = [row.recipient.split("@")[0] for row in found.page.rows]
    return rows, str(found.matching), found.is_estimate


def test_of_a_common_word_a_page_is_read_before_it_is_counted(
    alice: User, make_failures: MakeFailures
) -> None:
    make_failures("anna bert anna anna bert")
    assert told(search(alice)) == (["0.anna", "2.anna"], "2+", True)
    counted = search(alice, to_be_counted=True)
    assert told(counted) == (["0.anna", "2.anna"], "3", False)


def test_a_list_that_is_short_enough_to_be_counted_is(
    alice: User, make_failures: MakeFailures
) -> None:
    make_failures("anna bert anna anna bert")
    found = search(alice, rows=5)
    assert told(found) == (["0.anna", "2.anna"], "3", False)


def test_a_rare_word_is_counted_at_once(
    alice: User,
    make_failures: MakeFailures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browsing_module, "SAMPLE", 4)
    monkeypatch.setattr(browsing_module, "SOON", 4)
    make_failures("bert bert anna bert anna bert anna")
    found = search(alice)
    assert told(found) == (["2.anna", "4.anna"], "3", False)
    assert found.page.next


def test_a_list_that_was_read_to_its_end_is_counted_by_that(
    alice: User, make_failures: MakeFailures
) -> None:
    make_failures("anna bert anna bert")
    with CaptureQueriesContext(connection) as asked:
        found = search(alice)
    assert told(found) == (["0.anna", "2.anna"], "2", False)
    assert len(asked) == 2, "the numbers, and the page"


def test_a_word_that_was_common_lately_only_is_found_further_back(
    alice: User,
    make_failures: MakeFailures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browsing_module, "SAMPLE", 1)
    monkeypatch.setattr(paging, "REACH", 2)
    make_failures("anna bert bert bert anna bert anna")
    found = search(alice)
    assert told(found) == (["0.anna", "4.anna"], "3", False)
    assert found.page.next
    assert not found.page.further


def test_a_sample_is_taken_from_the_page_on(
    alice: User,
    make_failures: MakeFailures,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(browsing_module, "SAMPLE", 2)
    monkeypatch.setattr(browsing_module, "SOON", 2)
    make_failures("anna anna anna bert bert bert anna")
    first = search(alice)
    assert told(first) == (["0.anna", "1.anna"], "2+", True)
    second = search(alice, f"q=anna&after={first.page.next}")
    assert told(second) == (["2.anna", "6.anna"], "4", False)
    oldest = search(alice, "q=anna&end=1")
    assert told(oldest) == (["2.anna", "6.anna"], "4", False)


@pytest.mark.parametrize(
    ("query", "is_estimate"),
    [
        ("q=anna", True),
        ("q=anna&since=2026-03-01", True),
        ("q=anna&member={alice}", False),
        ("q=anna&channel=portal", False),
        ("member={alice}", False),
        ("", False),
    ],
)
def test_only_words_of_a_whole_list_or_of_days_are_left_uncounted(
    alice: User,
    bob: User,
    make_failures: MakeFailures,
    query: str,
    *,
    is_estimate: bool,
) -> None:
    make_failures("anna anna anna")
    found = search(bob, query.format(alice=alice.pk))
    assert len(found.page.rows) == SIZE
    assert found.is_estimate is is_estimate


def test_what_no_index_counts_tells_what_stands_on_the_page(
    alice: User, make_delivery: MakeDelivery
) -> None:
    for _ in range(3):
        make_delivery(alice, state=State.ACCEPTED)
    assert told(search(alice, "q=anna", "sent"))[1:] == ("2+", False)
