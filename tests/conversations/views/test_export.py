from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from conversations.models import Delivery
from conversations.models.state import State
from conversations.triage.actions import ACTIONS
from conversations.triage.carrying_out import carry_out
from conversations.triage.order import Order
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
SignIn = Callable[[User], Client]


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
    [row] = rows(as_user(alice), "/conversations/failed/export.csv?reason=mailbox_full")
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
    found = rows(as_user(bob), "/conversations/failed/export.csv")
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
    [row] = rows(as_user(alice), "/conversations/sent/export.csv")
    assert row["Triage"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn, start: str
) -> None:
    make_delivery(alice, subject=f"{start}cmd|' /C calc'!A1", state=State.FAILED)
    [row] = rows(as_user(alice), "/conversations/failed/export.csv")
    assert row["Subject"].startswith(f"'{start}")


def test_its_times_are_those_of_the_page(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    User.objects.filter(pk=alice.pk).update(time_zone="America/Los_Angeles")
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    make_delivery(alice, state=State.FAILED, state_since=at)
    [row] = rows(as_user(alice), "/conversations/failed/export.csv")
    assert row["Date"] == "2026-01-01 19:04:05-08:00"


def test_an_accepted_mail_is_called_what_the_page_calls_it(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.ACCEPTED)
    [row] = rows(as_user(alice), "/conversations/sent/export.csv")
    assert row["Status"] == "Delivered"


def test_nobody_exports_what_they_may_not_see(
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(bob, state=State.FAILED)
    url = "/conversations/failed/export.csv"
    assert len(rows(as_user(bob), url)) == 1
    assert rows(as_user(alice), url) == []
    assert rows(as_user(charlie), url) == []


def test_a_filter_that_makes_no_sense_exports_nothing(
    alice: User, as_user: SignIn
) -> None:
    url = "/conversations/failed/export.csv?reason=nonsense"
    response = as_user(alice).get(url, follow=True)
    assert "Nothing was exported" in response.content.decode()


def test_other_lists_and_methods_are_refused(alice: User, as_user: SignIn) -> None:
    client = as_user(alice)
    assert client.get("/conversations/none/export.csv").status_code == 404
    assert client.get("/conversations/sent/export.csv?list=none").status_code == 404
    assert client.post("/conversations/sent/export.csv").status_code == 405
