from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from conversations.lists import paging
from conversations.models import Delivery
from conversations.models.state import State
from conversations.triage import scope
from conversations.triage.actions import ACTIONS
from conversations.triage.carrying_out import carry_out
from conversations.triage.order import Order
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
SignIn = Callable[[User], Client]
FILE = "/conversations/export.csv?everything=1"
PREVIEW = "/conversations/act/export/"


def these(*deliveries: Delivery) -> str:
    return "&".join(f"delivery={each.uuid}" for each in deliveries)


def html(response: Any) -> str:
    return " ".join(response.content.decode().split())


def offered(page: str) -> str:
    """The address of the file that a preview offers."""
    [address] = re.findall(r'href="(/conversations/export\.csv[^"]*)"', page)
    return str(address).replace("&amp;", "&")


def rows(client: Client, url: str) -> list[dict[str, str]]:
    response = client.get(url)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/csv")
    content = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(content)))


def test_what_matches_is_exported_in_words(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(
        alice,
        "full@customer.test",
        subject='Offer, "final"',
        state=State.BOUNCED,
        reason="mailbox_full",
        remote_words="452 over quota\r\nsecond line",
    )
    make_delivery(alice, "other@customer.test", state=State.FAILED)
    [row] = rows(as_user(alice), f"{FILE}&tab=failed&reason=mailbox_full")
    assert row["Person"] == "full@customer.test"
    assert row["Subject"] == 'Offer, "final"'
    assert row["Member"] == "Alice Acme"
    assert row["Channel"] == "Portal servers"
    assert row["Status"] == "Bounced"
    assert row["Reason"] == "Mailbox full"
    assert row["Remote words"] == "452 over quota\r\nsecond line"


def test_what_was_decided_is_exported_with_who_looks_after_it(
    alice: User, bob: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    User.objects.filter(pk=alice.pk).update(name="=Alice")
    failed = make_delivery(alice, "waits@customer.test", state=State.FAILED)
    make_delivery(alice, "open@customer.test", state=State.FAILED)
    for decision, note in (("lost", "No use."), ("waiting", "Asked Anna.")):
        options = {"decision": decision, "owner": alice.pk, "note": note}
        carry_out(ACTIONS["decide"], [failed.pk], Order(bob, options))
    found = rows(as_user(bob), f"{FILE}&tab=failed")
    cells = {
        row["Person"]: (row["Triage"], row["Looked after by"], row["Note"])
        for row in found
    }
    assert cells == {
        "waits@customer.test": (
            "Waiting",
            "'=Alice",
            "Waiting, by Bob Acme. =Alice looks after it. Asked Anna.",
        ),
        "open@customer.test": ("Open", "", ""),
    }


def test_of_what_was_sent_no_triage_is_exported(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.ACCEPTED)
    [row] = rows(as_user(alice), f"{FILE}&tab=sent")
    assert row["Triage"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝", "＠"])
def test_no_cell_is_a_formula(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn, start: str
) -> None:
    make_delivery(alice, subject=f"{start}cmd|' /C calc'!A1", state=State.FAILED)
    [row] = rows(as_user(alice), f"{FILE}&tab=failed")
    assert row["Subject"].startswith(f"'{start}")


def test_nor_is_what_a_semicolon_would_make_a_cell_of(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    """A spreadsheet in German divides by that. Words with a hyphen stay as they are."""
    make_delivery(alice, subject="Well-known; or not;=1+1", state=State.FAILED)
    [row] = rows(as_user(alice), f"{FILE}&tab=failed")
    assert row["Subject"] == "Well-known; or not;'=1+1"


def test_its_times_are_those_of_the_page(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    User.objects.filter(pk=alice.pk).update(time_zone="America/Los_Angeles")
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    make_delivery(alice, state=State.FAILED, state_since=at)
    [row] = rows(as_user(alice), f"{FILE}&tab=failed")
    assert row["Date"] == "2026-01-01 19:04:05-08:00"


def test_an_accepted_mail_is_called_what_the_page_calls_it(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.ACCEPTED)
    [row] = rows(as_user(alice), f"{FILE}&tab=sent")
    assert row["Status"] == "Delivered"


@pytest.mark.parametrize("tab", ["sent", "pending", "failed"])
@pytest.mark.parametrize("everything", [True, False])
def test_each_tab_leads_by_count_and_preview_to_the_file(
    alice: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    tab: str,
    everything: bool,
) -> None:
    state = {"sent": State.ACCEPTED, "pending": State.QUEUED, "failed": State.FAILED}
    anna = make_delivery(alice, state=state[tab], subject="<i>Offer</i>")
    bert = make_delivery(alice, "bert@customer.test", state=state[tab])
    zoe = make_delivery(alice, "zoe@elsewhere.test", state=state[tab])
    client, back = as_user(alice), f"/conversations/{tab}/?q=customer"
    page = html(client.get(back))
    assert f'formaction="{PREVIEW}">Export CSV</button>' in page
    # As the form of the list sends it.
    form = {"tab": tab, "query": "q=customer", "next": back, "delivery": str(anna.uuid)}
    preview = client.get(PREVIEW, form | ({"everything": "1"} if everything else {}))
    number, found = (2, {anna, bert}) if everything else (1, {anna})
    page = html(preview)
    assert f"Export CSV: {number}</h1>" in page
    assert f">Export CSV: {number}</a>" in page
    assert f'href="{back}">Back</a>' in page
    assert "&lt;i&gt;Offer&lt;/i&gt;" in page
    for each in (anna, bert, zoe):
        assert (each.recipient in page) is (each in found)
    exported = rows(client, offered(page))
    assert {row["Person"] for row in exported} == {each.recipient for each in found}


def test_one_is_exported_from_its_page(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, "other@customer.test", state=State.DELAYED)
    one = make_delivery(alice, state=State.DELAYED)
    client, page = as_user(alice), one.message.get_absolute_url()
    way = f"{PREVIEW}?{these(one)}&next={page}"
    assert way in html(client.get(page)).replace("&amp;", "&")
    [row] = rows(client, offered(html(client.get(way))))
    assert row["Person"] == "anna@customer.test"


def test_the_preview_of_a_cause_and_its_file_have_only_that(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.FAILED, reason="spam_policy")
    full = make_delivery(
        alice, "full@customer.test", state=State.FAILED, reason="mailbox_full"
    )
    query = f"everything=1&tab=failed&cause={full.cause}"
    page = html(as_user(alice).get(f"{PREVIEW}?{query}"))
    assert "Export CSV: 1</h1>" in page
    [row] = rows(as_user(alice), offered(page))
    assert row["Person"] == "full@customer.test"


def test_of_a_long_list_the_preview_shows_the_newest_and_the_file_has_all(
    alice: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scope, "LOOKED_THROUGH", 2)
    monkeypatch.setattr(scope, "CHOSEN_AT_MOST", 1)
    for number in range(3):
        make_delivery(alice, f"p{number}@customer.test", state=State.ACCEPTED)
    page = html(as_user(alice).get(f"{PREVIEW}?everything=1&tab=sent"))
    assert "Export CSV: all that match</h1>" in page
    assert "the file has all, however old" in page
    assert "p2@" in page
    assert "p1@" not in page
    assert len(rows(as_user(alice), offered(page))) == 3


def test_where_nothing_was_found_yet_all_that_matches_is_exported_all_the_same(
    alice: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(paging, "REACH", 2)
    make_delivery(alice, state=State.ACCEPTED)
    for _ in range(3):
        make_delivery(alice, "bert@customer.test", state=State.ACCEPTED)
    client = as_user(alice)
    page = html(client.get("/conversations/sent/?q=anna"))
    [way] = re.findall(rf'href="({PREVIEW}[^"]*)"', page)
    preview = html(client.get(way.replace("&amp;", "&")))
    assert "None of the newest matches" in preview
    assert 'href="/conversations/sent/?q=anna">Back</a>' in preview
    [row] = rows(client, offered(preview))
    assert row["Person"] == "anna@customer.test"


def test_its_name_says_what_is_in_it(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    one, client = make_delivery(alice, state=State.BOUNCED), as_user(alice)
    for query, name in (
        ("everything=1&tab=failed&list=bounced", "failed-bounced-"),
        ("everything=1&tab=failed", "failed-2"),
        (these(one), "chosen-2"),
    ):
        headers = client.get(f"/conversations/export.csv?{query}").headers
        assert f'attachment; filename="{name}' in headers["Content-Disposition"]


def test_nobody_exports_what_they_may_not_see(
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(bob, state=State.FAILED)
    url = f"{FILE}&tab=failed"
    assert len(rows(as_user(bob), url)) == 1
    assert rows(as_user(alice), url) == []
    assert rows(as_user(charlie), url) == []


def test_of_what_is_chosen_each_exports_only_what_they_may_see(
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    query = these(make_delivery(alice), make_delivery(bob, "bert@customer.test"))
    for user, number in ((bob, 2), (alice, 1)):
        assert len(rows(as_user(user), f"/conversations/export.csv?{query}")) == number
        page = html(as_user(user).get(f"{PREVIEW}?{query}"))
        assert f"Export CSV: {number}</h1>" in page
    for path in (PREVIEW, "/conversations/export.csv"):
        assert as_user(charlie).get(f"{path}?{query}").status_code == 404


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (
            "everything=1&tab=failed&reason=nonsense",
            "is not one of the choices. So nothing was done.",
        ),
        ("delivery=nonsense", "Nothing was chosen"),
        ("", "Nothing was chosen"),
    ],
)
@pytest.mark.parametrize("path", [PREVIEW, "/conversations/export.csv"])
def test_what_makes_no_sense_exports_nothing_and_says_so(
    alice: User, as_user: SignIn, path: str, query: str, why: str
) -> None:
    response = as_user(alice).get(f"{path}?{query}", follow=True)
    assert why in response.content.decode()


def test_other_lists_methods_and_strangers_are_refused(
    alice: User, as_user: SignIn, make_delivery: MakeDelivery, client: Client
) -> None:
    query = f"?{these(make_delivery(alice))}"
    hers = as_user(alice)
    assert hers.get(f"{FILE}&tab=none").status_code == 404
    assert hers.get(f"{FILE}&tab=sent&list=none").status_code == 404
    for path in (PREVIEW, "/conversations/export.csv"):
        assert hers.post(path + query).status_code == 405
        assert client.get(path + query)["Location"].startswith("/accounts/login/")
