from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from channels.models import EmailIdentity
from conversations.lists import paging
from conversations.lists.browsing import Browsing
from conversations.lists.columns import Layout
from conversations.lists.counting import CAP, Number
from conversations.lists.paging import Cursor, Place
from conversations.models import Delivery, Hold
from conversations.models.state import State, Triage
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SIZE = 3


def browse(user: User, tab: str = "failed", query: str = "") -> Browsing:
    found = Browsing.of(user, tab, QueryDict(query))
    assert found
    return found


def names(browsing: Browsing) -> list[str]:
    return [
        row.recipient.partition("@")[0] for row in browsing.page(Layout((), SIZE)).rows
    ]


@pytest.fixture
def eight(alice: User, make_delivery: MakeDelivery) -> User:
    """Eight failures, the newest called 0; 3, 4 and 5 failed at the same moment."""
    for number, hours in enumerate([0, 1, 2, 30, 30, 30, 60, 90]):
        make_delivery(
            alice,
            f"{number}@customer.test",
            state=State.FAILED,
            state_since=NOON - timedelta(hours=hours),
        )
    return alice


def walk(user: User, tab: str, query: str, step: str) -> list[list[str]]:
    """Every page from where the address begins, in one direction, and looking further
    where a page has not come to the end."""
    pages, place = [], query
    while True:
        browsing = browse(user, tab, place)
        page = browsing.page(Layout((), SIZE))
        pages.append([row.recipient.partition("@")[0] for row in page.rows])
        cursor = page.further or (page.next if step == "after" else page.previous)
        if cursor is None:
            return pages
        place = browsing.address(**{step: cursor}).partition("?")[2]


def test_pages_cover_a_list_once_whatever_ties_there_are(eight: User) -> None:
    # At the same moment the younger row comes first.
    assert walk(eight, "failed", "", "after") == [
        ["0", "1", "2"],
        ["5", "4", "3"],
        ["6", "7"],
    ]


def test_going_back_from_the_end_covers_it_too(eight: User) -> None:
    assert walk(eight, "failed", "end=1", "before") == [
        ["3", "6", "7"],
        ["2", "5", "4"],
        ["0", "1"],
    ]


def test_the_oldest_may_come_first(eight: User) -> None:
    assert walk(eight, "failed", "sort=oldest", "after") == [
        ["7", "6", "3"],
        ["4", "5", "2"],
        ["1", "0"],
    ]
    assert names(browse(eight, query="sort=oldest&end=1")) == ["2", "1", "0"]


@pytest.mark.parametrize(
    ("query", "step", "order"),
    [
        ("sort=leaving", "after", "01234567"),
        ("sort=leaving-last", "after", "76543210"),
        ("sort=leaving&end=1", "before", "76543210"),
        ("sort=leaving&q=customer", "after", "01234567"),
        ("", "after", "52741630"),  # as it was written
    ],
)
def test_what_is_scheduled_may_come_by_when_it_leaves(
    alice: User, make_delivery: MakeDelivery, query: str, step: str, order: str
) -> None:
    noon = now() + timedelta(days=2)
    # 3, 4 and 5 leave at the same moment; of those the older row comes first.
    leaves = {0: -9, 1: -8, 2: -7, 3: 0, 4: 0, 5: 0, 6: 7, 7: 8}
    for number in (0, 3, 6, 1, 4, 7, 2, 5):
        make_delivery(
            alice,
            f"{number}@customer.test",
            not_before=noon + timedelta(hours=leaves[number]),
        )
    make_delivery(alice, "now@customer.test")
    pages = walk(alice, "pending", f"list=scheduled&{query}", step)
    if step == "before":
        pages = [page[::-1] for page in pages]
    assert "".join(name for page in pages for name in page) == order


@pytest.mark.parametrize("query", ["sort=leaving", "list=in-progress&sort=leaving"])
def test_no_other_list_is_by_that(
    alice: User, make_delivery: MakeDelivery, query: str
) -> None:
    make_delivery(alice)
    browsing = browse(alice, "pending", query)
    assert browsing.filter.problems == ["This list cannot be sorted by 'leaving'."]
    assert not browsing.page(Layout((), SIZE)).rows


@pytest.mark.parametrize("manager", [True, False])
@pytest.mark.parametrize("sort", ["", "sort=oldest"])
def test_sent_merges_what_was_delivered_and_handed_over(
    alice: User, bob: User, make_delivery: MakeDelivery, sort: str, *, manager: bool
) -> None:
    for number in range(20):
        delivery = make_delivery(
            alice,
            f"{number:02}@customer.test",
            state=State.ACCEPTED,
            state_since=NOON - timedelta(hours=7 * (number // 2)),
        )
        Delivery.objects.filter(pk=delivery.pk).update(tracked=number % 3 == 0)
    pages = walk(bob if manager else alice, "sent", sort, "after")
    rows = [row for page in pages for row in page]
    assert sorted(rows) == [f"{number:02}" for number in range(20)]
    hours = [int(row) // 2 for row in rows]
    assert hours == sorted(hours, reverse=bool(sort))
    dates = "since=2026-03-09&until=2026-03-09"
    narrowed = walk(bob if manager else alice, "sent", f"{sort}&{dates}", "after")
    days = {row for page in narrowed for row in page}
    assert days == {f"{number:02}" for number in range(4, 12)}


def test_a_page_stays_where_it_is_while_newer_mail_comes(
    eight: User, make_delivery: MakeDelivery
) -> None:
    first = browse(eight)
    second = first.address(after=first.page(Layout((), SIZE)).next).partition("?")[2]
    before = names(browse(eight, query=second))
    make_delivery(eight, "new@customer.test", state=State.FAILED)
    assert names(browse(eight, query=second)) == before


def test_a_page_knows_what_stands_around_it(eight: User) -> None:
    newest = browse(eight).page(Layout((), SIZE))
    assert newest.previous is None
    assert newest.next
    oldest = browse(eight, query="end=1").page(Layout((), SIZE))
    assert oldest.previous
    assert oldest.next is None
    alone = browse(eight).page(Layout((), 8))
    assert (alone.previous, alone.next) == (None, None)


@pytest.mark.parametrize(
    "query",
    ["after=x", "after=", "before=1", f"after={'9' * 18}-1", "after=1-1&after="],
)
def test_a_place_that_cannot_be_read_is_said(eight: User, query: str) -> None:
    browsing = browse(eight, query=query)
    assert browsing.page(Layout((), SIZE)).rows == []
    assert browsing.filter.problems == ["This address leads to no page of the list."]


@given(
    micros=st.integers(min_value=0, max_value=10**16),
    pk=st.integers(min_value=0, max_value=2**59),
)
def test_a_cursor_can_be_read_again(micros: int, pk: int) -> None:
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
    cursor = Cursor(at, pk)
    assert Cursor.read(str(cursor)) == cursor
    assert Place.from_query(QueryDict(f"after={cursor}")) == Place(cursor)


def test_addresses_lead_to_what_they_were_made_of(eight: User) -> None:
    query = "list=failed&q=anna&when=7&reason=mailbox_full&sort=oldest"
    browsing = browse(eight, query=query)
    assert QueryDict(browsing.query) == QueryDict(query)
    assert browsing.url == f"/conversations/failed/?{browsing.query}"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("channel=portal", ["anna"]),
        ("channel=smtp", []),
        ("channel=portal&list=handed-over", []),
        ("channel=portal&list=delivered", ["anna"]),
    ],
)
def test_a_channel_narrows_what_was_sent(
    alice: User, make_delivery: MakeDelivery, query: str, found: list[str]
) -> None:
    make_delivery(alice, "anna@customer.test", state=State.ACCEPTED)
    assert names(browse(alice, "sent", query)) == found


@pytest.fixture
def within_reach(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows are looked at for what no index knows; here few."""
    monkeypatch.setattr(paging, "REACH", 4)
    return 4


@pytest.fixture
def rarely_anna(alice: User, make_delivery: MakeDelivery) -> User:
    """Twenty were sent, the newest called 00; a few, unevenly, are to anna.

    Most by a channel that records bounces, and each three at the same moment.
    """
    for number in range(20):
        name = "anna" if number in {6, 7, 8, 9, 10, 19} else "bert"
        delivery = make_delivery(
            alice,
            f"{number:02}.{name}@customer.test",
            state=State.ACCEPTED,
            state_since=NOON - timedelta(hours=7 * (number // 3)),
        )
        Delivery.objects.filter(pk=delivery.pk).update(tracked=number not in {7, 9, 14})
    return alice


@pytest.mark.parametrize("manager", [True, False])
@pytest.mark.parametrize(
    ("query", "step", "newest_first"),
    [
        ("q=anna", "after", True),
        ("q=anna&sort=oldest", "after", False),
        ("q=anna&end=1", "before", False),
        ("q=anna&sort=oldest&end=1", "before", True),
        ("q=anna&since=2026-01-01&until=2026-03-10", "after", True),
    ],
)
@pytest.mark.usefixtures("within_reach")
def test_looking_further_finds_each_match_once_and_in_order(
    rarely_anna: User,
    bob: User,
    query: str,
    step: str,
    *,
    newest_first: bool,
    manager: bool,
) -> None:
    pages = walk(bob if manager else rarely_anna, "sent", query, step)
    if step == "before":
        pages = [page[::-1] for page in pages]
    found = [name for page in pages for name in page]
    rows = Delivery.objects.filter(recipient__contains="anna")
    sign = "-" if newest_first else ""
    in_order = rows.order_by(f"{sign}state_since", f"{sign}pk")
    assert found == [row.recipient.partition("@")[0] for row in in_order]
    assert [] in pages  # where too little matches, no page looks for more


def test_no_page_looks_beyond_its_reach(
    alice: User, make_delivery: MakeDelivery, within_reach: int
) -> None:
    for number in range(within_reach):
        make_delivery(
            alice,
            "bert@customer.test",
            state=State.ACCEPTED,
            state_since=NOON - timedelta(hours=number),
        )
    exactly = browse(alice, "sent", "q=anna").page(Layout((), SIZE))
    assert (exactly.further, exactly.is_all) == (None, True)
    older = NOON - timedelta(days=1)
    make_delivery(alice, state=State.ACCEPTED, state_since=older)
    first = browse(alice, "sent", "q=anna")
    page = first.page(Layout((), SIZE))
    assert (page.rows, page.is_all) == ([], False)
    assert page.further
    assert page.further.at == older
    further = browse(alice, "sent", f"q=anna&after={page.further}")
    assert names(further) == ["anna"]


@pytest.mark.parametrize("reach", [1, 4, 100])
@pytest.mark.parametrize("manager", [True, False])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "&list=bounced",
        "&sort=oldest",
        "&end=1",
        "&since=2026-03-09&until=2026-03-10",
    ],
)
def test_failures_that_many_match_are_the_same_however_they_are_found(
    alice: User,
    bob: User,
    make_delivery: MakeDelivery,
    monkeypatch: pytest.MonkeyPatch,
    query: str,
    reach: int,
    *,
    manager: bool,
) -> None:
    monkeypatch.setattr(paging, "REACH", reach)
    for number in range(20):
        make_delivery(
            alice,
            f"{number:02}.{'anna' if number in {1, 2, 3, 4, 9, 10, 18} else 'bert'}@x.test",
            state=State.BOUNCED if number % 3 else State.FAILED,
            state_since=NOON - timedelta(hours=7 * (number // 2)),
        )
    address = f"q=anna{query}"
    many, pages = Number(CAP + 1), 0
    while address:
        browsing = browse(bob if manager else alice, query=address)
        page = browsing.page(Layout((), SIZE), many)
        assert page == browsing.page(Layout((), SIZE))
        assert page.rows
        step = "before" if "end=1" in query else "after"
        cursor = page.previous if "end=1" in query else page.next
        address = browsing.address(**{step: cursor}).partition("?")[2] if cursor else ""
        pages += 1
    assert pages > 1


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("reason=mailbox_full", [["old"]]),
        ("triage=lost", [["old"]]),
        ("channel=smtp", [["old"]]),
        ("identity={identity}", [["old"]]),
        ("q=customer", [["new0", "new1", "new2"], ["new3", "new4", "old"]]),
    ],
)
@pytest.mark.usefixtures("within_reach")
def test_what_else_no_index_of_the_archive_knows_is_looked_for_alike(
    alice: User, make_delivery: MakeDelivery, query: str, pages: list[list[str]]
) -> None:
    for number in range(5):
        make_delivery(
            alice,
            f"new{number}@customer.test",
            state=State.FAILED,
            state_since=NOON - timedelta(hours=number),
            archived_at=NOON,
        )
    other = EmailIdentity.objects.create(
        owner=alice, address="other@acme.test", display_name="Other"
    )
    old = make_delivery(
        alice,
        "old@customer.test",
        state=State.FAILED,
        state_since=NOON - timedelta(days=2),
        archived_at=NOON,
        reason="mailbox_full",
        triage=Triage.LOST,
    )
    Delivery.objects.filter(pk=old.pk).update(
        channel_kind="smtp", from_address=other.address
    )
    address = f"list=archived&{query.format(identity=other.uuid)}"
    assert [page for page in walk(alice, "sent", address, "after") if page] == pages


@pytest.mark.parametrize("listing", ["", "in-progress", "scheduled"])
@pytest.mark.usefixtures("within_reach")
def test_in_pending_too(alice: User, make_delivery: MakeDelivery, listing: str) -> None:
    later = now() + timedelta(days=1)
    for number in range(14):
        make_delivery(
            alice,
            "anna@customer.test" if number in {1, 12} else "bert@customer.test",
            state_since=NOON - timedelta(hours=number // 2),
            not_before=later if listing == "scheduled" else NOON,
        )
    pages = walk(alice, "pending", f"list={listing}&q=anna", "after")
    assert [name for page in pages for name in page] == ["anna", "anna"]
    assert len(pages) == 4


def test_a_search_in_pending_knows_what_holds_the_mail(
    alice: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice)
    operator = User.objects.create_superuser("op@portal.test", "x")
    for scope, more in (
        ("team", {"team": alice.team}),
        ("domain", {"domain": "x.test"}),
    ):
        Hold.objects.create(
            scope=scope, because="maintenance", placed_by=operator, **more
        )
    [row] = browse(alice, "pending", "q=anna").page(Layout((), SIZE)).rows
    assert row.wait
    assert "maintenance" in row.wait[0]
