from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from conversations.models import Delivery, TabLayout
from conversations.models.state import State
from deliveryportal.accounts.models import User

SignIn = Callable[[User], Client]
URL = "/conversations/failed/columns/"


def columns(client: Client, tab: str = "failed") -> list[str]:
    context = client.get(f"/conversations/{tab}/").context
    return [each["key"] for each in context["heads"]]


def test_a_tab_remembers_its_columns_and_no_other_does(
    alice: User, bob: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    before = columns(client, "sent")
    client.post(URL, {"column": ["date", "subject"], "rows": "25"})
    assert columns(as_user(alice)) == ["subject", "date"]
    assert columns(client, "sent") == before
    assert "status" in columns(as_user(bob))


def test_the_member_is_a_managers_column(
    alice: User, bob: User, as_user: SignIn
) -> None:
    for user, theirs in ((alice, []), (bob, ["member"])):
        as_user(user).post(URL, {"column": ["member"], "rows": "25"})
        assert columns(as_user(user)) == theirs


def test_a_tab_remembers_the_rows_on_a_page(
    alice: User, as_user: SignIn, make_delivery: Callable[..., Delivery]
) -> None:
    for _ in range(27):
        make_delivery(alice, state=State.FAILED)
    client = as_user(alice)
    client.post(URL, {"rows": "25"})
    assert len(client.get("/conversations/failed/").context["page"].rows) == 25


@pytest.mark.parametrize("rows", ["", "x", "-1", "0", "100000", "²"])
def test_other_numbers_of_rows_are_the_usual_one(
    alice: User, as_user: SignIn, rows: str
) -> None:
    as_user(alice).post(URL, {"rows": rows, "column": ["nonsense", "date"]})
    kept = TabLayout.objects.get()
    assert (kept.rows, kept.columns) == (50, ["date"])


def test_it_leads_back_to_the_same_list(alice: User, as_user: SignIn) -> None:
    query = "list=bounced&q=anna"
    response = as_user(alice).post(URL, {"query": query, "rows": "50"})
    assert response["Location"] == f"/conversations/failed/?{query}"


def test_other_lists_and_methods_are_refused(alice: User, as_user: SignIn) -> None:
    client = as_user(alice)
    assert client.get(URL).status_code == 405
    assert client.post("/conversations/none/columns/").status_code == 404
