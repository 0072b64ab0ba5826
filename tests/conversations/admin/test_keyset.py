"""Lists of millions of rows: nothing is counted, and nothing passed over."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from conversations.models import Delivery, DeliveryEvent, Total
from deliveryportal.accounts.admin import keyset
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD

URL = "/admin/conversations/total/"
SIZE = 50  # rows of a page


@pytest.fixture
def operator(db: None, as_user: Callable[[User], Client]) -> Client:
    return as_user(User.objects.create_superuser("op@portal.test", PASSWORD))


@pytest.fixture
def rows(db: None) -> None:
    Total.objects.all().delete()
    Total.objects.bulk_create(
        Total(name="n" if number % 2 else "m", label=f"row {number:03}")
        for number in range(120)
    )


def shown(response: Any) -> list[str]:
    return [each.label for each in response.context["cl"].result_list]


def follow(client: Client, response: Any, words: str) -> Any:
    (link,) = re.findall(rf'href="([^"]*)"[^>]*>{words}<', response.content.decode())
    return client.get(URL + link.replace("&amp;", "&"))


@pytest.mark.usefixtures("rows")
def test_pages_follow_each_other_without_gap_or_overlap(operator: Client) -> None:
    pages = [operator.get(URL)]
    for _ in range(2):
        pages.append(follow(operator, pages[-1], "Older"))
    labels = [label for page in pages for label in shown(page)]
    assert labels == [f"row {number:03}" for number in range(119, -1, -1)]
    assert pages[-1].context["cl"].older is None
    back = follow(operator, pages[-1], "Newer")
    assert shown(back) == shown(pages[1])
    first = follow(operator, back, "Newer")
    assert shown(first) == shown(pages[0])
    assert first.context["cl"].newer is None
    assert shown(follow(operator, pages[-1], "Newest")) == shown(pages[0])


@pytest.mark.usefixtures("rows")
def test_a_search_goes_on_over_pages(operator: Client) -> None:
    first = operator.get(URL, {"q": "n"})
    second = follow(operator, first, "Older")
    assert len(shown(first)) + len(shown(second)) == 60
    assert str(first.context["cl"].result_count) not in first.content.decode()


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("key", ["", "0", "-0", "x", "9" * 40, "-" + "9" * 40, "1e3"])
def test_a_page_that_nobody_linked_to_opens(operator: Client, key: str) -> None:
    for narrowed in ({}, {"q": "nothing"}):
        assert operator.get(URL, {"p": key, **narrowed}).status_code == 200


@pytest.mark.parametrize("page", ["", "1000", "-1000"])
@pytest.mark.parametrize(
    "query", ["", "state__exact=failed", "waiting=reason", "kind=portal", "o=2&all="]
)
def test_no_list_of_deliveries_counts_or_passes_over_rows(
    operator: Client, query: str, page: str
) -> None:
    url = f"{reverse('admin:conversations_delivery_changelist')}?{query}&p={page}"
    operator.get(url)
    with CaptureQueriesContext(connection) as asked:
        assert operator.get(url).status_code == 200
    table = Delivery._meta.db_table
    of_deliveries = [each["sql"] for each in asked if f'FROM "{table}"' in each["sql"]]
    assert of_deliveries
    for sql in of_deliveries:
        assert "OFFSET" not in sql
        assert "COUNT(" not in sql
        assert "DISTINCT" not in sql


def test_a_delivery_is_found_by_what_support_is_told(
    operator: Client, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    wanted = make_delivery(alice, "anna@customer.test", subject="The offer")
    make_delivery(alice, "ben@customer.test", subject="Hello")
    address = reverse("admin:conversations_delivery_changelist")
    for told in (
        "ANNA@customer",
        "offer anna",
        str(wanted.uuid),
        str(wanted.message.uuid),
        wanted.message.message_id,
    ):
        found = operator.get(address, {"q": told}).context["cl"].result_list
        assert found == [wanted], told


def test_a_message_and_a_timeline_are_found_likewise(
    operator: Client, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    wanted = make_delivery(alice, "anna@customer.test", subject="The offer")
    other = make_delivery(alice, "ben@customer.test", subject="Hello")
    for delivery in (wanted, other):
        DeliveryEvent.objects.create(delivery=delivery, kind=DeliveryEvent.Kind.FAILED)
    told = {
        "message": ["OFFER the", str(wanted.message.uuid), wanted.message.message_id],
        "deliveryevent": [str(wanted.uuid), wanted.message.message_id],
    }
    for model, words in told.items():
        address = reverse(f"admin:conversations_{model}_changelist")
        for each in words:
            [found] = operator.get(address, {"q": each}).context["cl"].result_list
            assert found in {wanted.message, wanted.events.get()}, each


# --- what is rare -----------------------------------------------------------------


@pytest.fixture
def looks_through_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyset, "LOOKED_THROUGH", 10)


@pytest.fixture
def rare(rows: None) -> Total:
    """The oldest of all."""
    oldest = Total.objects.earliest("pk")
    Total.objects.filter(pk=oldest.pk).update(name="rare")
    return oldest


@pytest.mark.usefixtures("looks_through_ten")
def test_a_page_looks_through_so_many_rows_and_the_next_goes_on(
    operator: Client, rare: Total
) -> None:
    page = operator.get(URL, {"q": "rare"})
    for _ in range(11):
        assert shown(page) == []
        text = " ".join(page.content.decode().split())
        assert "Nothing found yet" in text
        assert "Looked through 10 rows for this page, and not yet through all" in text
        page = follow(operator, page, "Older")
    assert shown(page) == [rare.label]
    assert "Looked through" not in page.content.decode()
    assert page.context["cl"].older is None
    back = follow(operator, page, "Newer")
    assert "Newer goes on from there" in " ".join(back.content.decode().split())
    for _ in range(11):
        back = follow(operator, back, "Newer")
    assert back.context["cl"].newer is None


@pytest.mark.usefixtures("looks_through_ten")
@pytest.mark.parametrize("page", ["", "{}", "-{}"])
@pytest.mark.parametrize("query", ["q=rare", "name=rare", "label__startswith=x"])
def test_no_page_of_what_is_rare_reads_the_whole_table(
    operator: Client, rare: Total, query: str, page: str
) -> None:
    in_the_middle = rare.pk + 60
    with CaptureQueriesContext(connection) as asked:
        operator.get(f"{URL}?{query}&p={page.format(in_the_middle)}")
    table = Total._meta.db_table
    own = [each["sql"] for each in asked if f'FROM "{table}"' in each["sql"]]
    found = [sql for sql in own if "WHERE" in sql]
    assert found
    for sql in found:
        assert re.search(rf'"{table}"."id" (>=|<=) -?\d+', sql), sql


@pytest.mark.usefixtures("looks_through_ten")
@pytest.mark.parametrize(
    "query",
    [
        "q={0.uuid}",
        "q={0.message.uuid}",
        "q={0.message.message_id}",
        "team__id__exact={0.team_id}",
        "sender__id__exact={0.sender_id}",
        "waiting=reason",
        "state__exact=queued",
    ],
)
def test_what_an_index_finds_is_found_at_once_however_old_it_is(
    query: str,
    operator: Client,
    alice: User,
    charlie: User,
    make_delivery: Callable[..., Delivery],
) -> None:
    sought = make_delivery(alice, waiting_for="limit")
    for _ in range(12):
        make_delivery(charlie, state="accepted")
    address = "/admin/conversations/delivery/?" + query.format(sought)
    page = operator.get(address)
    assert list(page.context["cl"].result_list) == [sought]
    assert "Looked through" not in page.content.decode()


@pytest.mark.usefixtures("looks_through_ten")
def test_a_kind_of_event_that_no_index_finds_is_looked_for(
    operator: Client, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    delivery = make_delivery(alice)
    kinds = [DeliveryEvent.Kind.BOUNCED, *[DeliveryEvent.Kind.QUEUED] * 15]
    DeliveryEvent.objects.bulk_create(
        DeliveryEvent(delivery=delivery, kind=kind) for kind in kinds
    )
    events = "/admin/conversations/deliveryevent/"
    page = operator.get(events, {"kind__exact": "bounced"})
    assert list(page.context["cl"].result_list) == []
    page = operator.get(
        events, {"kind__exact": "bounced", "p": page.context["cl"].older}
    )
    assert [each.kind for each in page.context["cl"].result_list] == ["bounced"]


def test_no_words_are_looked_for_in_the_timeline_of_all(
    operator: Client, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    DeliveryEvent.objects.create(
        delivery=make_delivery(alice), kind=DeliveryEvent.Kind.QUEUED
    )
    with CaptureQueriesContext(connection) as asked:
        answer = operator.get("/admin/conversations/deliveryevent/", {"q": "Hello"})
    page = answer.content.decode()
    assert "look among the deliveries" in page
    assert "Nothing matches" in page
    assert not any("LIKE" in each["sql"] for each in asked)
