from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries, Settings

from conversations.lists import counting
from conversations.lists.columns import keep_layout
from conversations.models import BulkJob, Delivery, Draft, Hold
from conversations.models.state import State, Triage
from conversations.triage import bulk
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true"}


def page(client: Client, url: str) -> str:
    return client.get(url).content.decode()


@pytest.mark.parametrize(
    ("state", "url", "words"),
    [
        (State.ACCEPTED, "/conversations/sent/", "Delivered"),
        (State.QUEUED, "/conversations/pending/", "Waiting"),
        (State.DELAYED, "/conversations/pending/", "Delayed"),
        (State.FAILED, "/conversations/failed/", "Failed"),
        (State.BOUNCED, "/conversations/failed/", "Bounced"),
        (State.COMPLAINED, "/conversations/failed/", "Spam"),
        (State.UNCONFIRMED, "/conversations/failed/", "Unconfirmed"),
    ],
)
def test_each_state_stands_in_its_tab_and_only_there(
    alice: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    state: State,
    url: str,
    words: str,
) -> None:
    make_delivery(alice, state=state)
    for tab in ("sent", "pending", "failed"):
        found = page(as_user(alice), f"/conversations/{tab}/")
        assert ("anna@customer.test" in found) is (url == f"/conversations/{tab}/")
    assert f">{words}</span>" in page(as_user(alice), url)


def test_a_failure_shows_its_reason_and_the_remote_words_escaped(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(
        alice,
        "<b>x</b>@customer.test",
        subject="<script>alert(1)</script>",
        state=State.FAILED,
        reason="address_unknown",
        remote_words="5.1.1 <img src=x onerror=alert(1)>",
    )
    found = page(as_user(alice), "/conversations/failed/")
    assert "Address does not exist" in found
    assert "&lt;img src=x onerror=alert(1)&gt;" in found
    assert "<img src=x" not in found
    assert "<script>alert" not in found


def test_every_tab_has_its_count(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    for state in (State.ACCEPTED, State.QUEUED, State.HANDING_OVER, State.FAILED):
        leased = state == State.HANDING_OVER
        make_delivery(
            alice,
            state=state,
            lease="x" if leased else "",
            lease_until=now() if leased else None,
        )
    make_delivery(alice, state=State.BOUNCED)
    context = as_user(alice).get("/conversations/failed/").context
    assert {tab["folder"].key: int(tab["count"]) for tab in context["tabs"]} == {
        "sent": 1,
        "pending": 2,
        "failed": 2,
    }
    assert {each["listing"].key: int(each["count"]) for each in context["lists"]} == {
        "": 2,
        "failed": 1,
        "bounced": 1,
        "spam": 0,
        "unconfirmed": 0,
    }


@pytest.mark.parametrize("path", ["/conversations/failed/", "/conversations/sent/"])
def test_the_tab_counts_what_nobody_has_decided_about_its_lists_everything(
    alice: User, bob: User, make_delivery: MakeDelivery, as_user: SignIn, path: str
) -> None:
    make_delivery(alice, state=State.FAILED)
    make_delivery(alice, state=State.BOUNCED, triage=Triage.RESOLVED)
    make_delivery(bob, state=State.FAILED, triage=Triage.LOST)
    for user, listed in ((alice, 2), (bob, 3)):
        context = as_user(user).get(path).context
        tabs = {tab["folder"].key: int(tab["count"]) for tab in context["tabs"]}
        assert tabs["failed"] == 1
        lists = {each["listing"].key: int(each["count"]) for each in context["lists"]}
        assert lists[""] == (listed if "failed" in path else 0)


def test_home_leads_to_failures_only_while_one_needs_a_decision(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.FAILED)
    assert as_user(alice).get("/")["Location"] == "/conversations/failed/"
    Delivery.objects.update(triage=Triage.RESOLVED)
    assert as_user(alice).get("/")["Location"] == "/conversations/sent/"


def test_the_tab_of_pending_mail_counts_drafts_and_its_first_list_says_it_does_not(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.QUEUED)
    Draft.objects.create(owner=alice, subject="Half")
    client = as_user(alice)
    context = client.get("/conversations/pending/").context
    [tab] = [each for each in context["tabs"] if each["folder"].key == "pending"]
    shown = context["lists"][0]
    assert (int(tab["count"]), int(shown["count"])) == (2, 1)
    assert shown["listing"].label == "All that waits"
    for path in ("/conversations/pending/", "/conversations/drafts/"):
        assert "All that waits" in page(client, path)


@pytest.mark.parametrize(
    "path",
    [
        "/conversations/failed/?after=garbage",
        "/conversations/failed/?sort=bad",
        "/conversations/failed/?reason=nonsense",
        "/conversations/pending/?after=garbage",
        "/conversations/sent/?sort=bad",
        "/conversations/drafts/?sort=bad",
    ],
)
def test_a_list_that_was_not_looked_for_is_no_empty_list(
    alice: User, as_user: SignIn, path: str
) -> None:
    found = page(as_user(alice), path)
    assert "Nothing is shown until this is mended." in found
    assert "No failure is known" not in found
    assert "Nothing waits" not in found
    assert 'class="empty"' not in found


def test_a_list_inside_a_tab_has_an_address(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, "failed@customer.test", state=State.FAILED)
    make_delivery(alice, "bounced@customer.test", state=State.BOUNCED)
    found = page(as_user(alice), "/conversations/failed/?list=bounced")
    assert "bounced@customer.test" in found
    assert "failed@customer.test" not in found
    assert as_user(alice).get("/conversations/failed/?list=none").status_code == 404


def test_a_manager_sees_the_team_a_member_only_their_own(
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, "of-alice@customer.test", state=State.ACCEPTED)
    make_delivery(bob, "of-bob@customer.test", state=State.ACCEPTED)
    url = "/conversations/sent/"
    assert "of-alice@" in page(as_user(bob), url)
    assert "of-bob@" in page(as_user(bob), url)
    assert "of-alice@" in page(as_user(alice), url)
    assert "of-bob@" not in page(as_user(alice), url)
    assert "of-alice@" not in page(as_user(charlie), url)
    assert "of-bob@" not in page(as_user(charlie), url)


def test_an_empty_tab_teaches(alice: User, as_user: SignIn) -> None:
    failed = page(as_user(alice), "/conversations/failed/")
    assert "bounces into the mailbox it was sent from" in failed
    assert "Write a message" in page(as_user(alice), "/conversations/sent/")
    assert "Nothing waits" in page(as_user(alice), "/conversations/pending/")


def test_htmx_gets_only_the_live_part(alice: User, as_user: SignIn) -> None:
    response = as_user(alice).get("/conversations/failed/", headers=HTMX)
    assert b"<html" not in response.content
    assert b'id="folder"' in response.content
    assert "HX-Request" in response["Vary"]


@pytest.mark.parametrize(
    "url", ["/conversations/failed/", "/conversations/failed/?q=anna"]
)
def test_what_else_a_refresh_takes_stands_in_it_and_in_the_page(
    bob: User, as_user: SignIn, url: str
) -> None:
    refreshed = as_user(bob).get(url, headers=HTMX).content.decode()
    whole = page(as_user(bob), url)
    [taken] = re.findall('hx-select-oob="([^"]+)"', whole)
    for each in taken.split(","):
        for found in (whole, refreshed):
            assert found.count(f'id="{each.removeprefix("#")}"') == 1


def test_a_list_left_open_after_signing_out_leads_to_the_sign_in(
    client: Client, db: None
) -> None:
    response = client.get("/conversations/failed/", headers=HTMX)
    assert response["HX-Refresh"] == "true"
    assert response.content == b""


def test_the_number_of_queries_does_not_grow_with_the_rows(
    alice: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = as_user(alice)
    for number in (1, 20):
        for _ in range(number):
            make_delivery(alice, state=State.FAILED, reason="mailbox_full")
        # session, user, identities, layout, rows, saved searches, all counts,
        # broken channels
        with django_assert_num_queries(8):
            client.get("/conversations/failed/")


def test_nor_with_the_rows_that_a_pause_holds(
    alice: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client, operator = as_user(alice), User.objects.create_superuser("op@a.test", "x")
    Hold.objects.create(
        scope=Hold.Scope.EVERYTHING, because="maintenance", placed_by=operator
    )
    for number in (1, 20):
        for _ in range(number):
            make_delivery(alice)
        # The holds that there are, and the channels that mail waits for, besides.
        with django_assert_num_queries(10):
            client.get("/conversations/pending/")


def test_what_is_done_to_many_costs_a_query_only_while_it_is_under_way(
    alice: User, as_user: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_user(alice)
    job = BulkJob.objects.create(by=alice, team=alice.team, action="retry")
    with CaptureQueriesContext(connection) as under_way:
        client.get("/conversations/sent/")
    BulkJob.objects.filter(pk=job.pk).update(finished_at=now())
    with django_assert_num_queries(len(under_way) - 1):
        client.get("/conversations/sent/")


@pytest.mark.parametrize("tab", ["sent", "pending", "failed"])
def test_strangers_sign_in_first_and_wrong_methods_are_refused(
    alice: User, as_user: SignIn, client: Client, tab: str
) -> None:
    url = f"/conversations/{tab}/"
    assert client.get(url)["Location"].startswith("/accounts/login/")
    assert as_user(alice).post(url).status_code == 405


def test_the_home_page_leads_to_what_needs_a_hand(
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.UNCONFIRMED)
    assert as_user(alice).get("/")["Location"] == "/conversations/failed/"
    assert as_user(bob).get("/")["Location"] == "/conversations/failed/"
    assert as_user(charlie).get("/")["Location"] == "/conversations/sent/"


def test_what_has_not_changed_is_not_swapped(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    client, url = as_user(alice), "/conversations/failed/?list=failed"
    page = client.get(url, headers=HTMX).content.decode()
    [seen] = re.findall(r'"seen": "(\w+)"', page)
    again = client.get(f"{url}&seen={seen}", headers=HTMX)
    assert again.status_code == 204
    make_delivery(alice, state=State.FAILED)
    changed = client.get(f"{url}&seen={seen}", headers=HTMX)
    assert changed.status_code == 200
    assert changed.context["live_url"] == url


def test_what_has_a_common_word_is_shown_at_once_and_counted_by_the_first_refresh(
    alice: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counting, "CAP", 26)
    keep_layout(alice, "failed", ("subject",), 25)
    for _ in range(27):
        make_delivery(alice, state=State.FAILED)
    client, url = as_user(alice), "/conversations/failed/?q=anna"
    at_once = page(client, url)
    assert "25+ matches" in at_once
    assert "All 25+ that match" in at_once
    assert 'hx-trigger="load, every 2s"' in at_once
    [seen] = re.findall(r'"seen": "(\w+)"', at_once)
    refreshed = client.get(f"{url}&seen={seen}", headers=HTMX).content.decode()
    assert "26+ matches" in refreshed
    assert "All 26+ that match" in refreshed
    assert 'hx-trigger="every 2s"' in refreshed
    [seen] = re.findall(r'"seen": "(\w+)"', refreshed)
    assert client.get(f"{url}&seen={seen}", headers=HTMX).status_code == 204
    client.post("/conversations/failed/searches/", {"query": "q=anna", "name": "Anna"})
    assert "26+ matches" in page(client, url), "it stands beside the saved search"


def test_fields_left_empty_do_not_stand_in_the_address(
    alice: User, as_user: SignIn
) -> None:
    url = "/conversations/failed/?list=failed&q=anna&when=&reason=&since="
    response = as_user(alice).get(url)
    assert response["Location"] == "/conversations/failed/?list=failed&q=anna"


@pytest.mark.parametrize(
    "query", ["reason=nonsense", "since=x", "after=x", "sort=x", "member=1", "q=%00aaa"]
)
def test_an_address_that_makes_no_sense_is_answered_by_a_sentence(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn, query: str
) -> None:
    make_delivery(alice, state=State.FAILED)
    found = page(as_user(alice), f"/conversations/failed/?{query}")
    assert "Nothing is shown until this is mended." in found
    assert "anna@customer.test" not in found


def test_a_member_that_nobody_knows_matches_nothing(
    bob: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(bob, state=State.FAILED)
    assert "0 matches" in page(as_user(bob), "/conversations/failed/?member=nobody")
    found = page(as_user(bob), f"/conversations/failed/?member={bob.pk}")
    assert "1 match<" in found


def test_a_boosted_link_gets_the_whole_page(alice: User, as_user: SignIn) -> None:
    boosted = {**HTMX, "HX-Boosted": "true"}
    response = as_user(alice).get("/conversations/failed/", headers=boosted)
    assert b'id="conversations"' in response.content


def heads(response: object) -> dict[str, tuple[str, str]]:
    """What the heads of columns say of the order, and where they lead."""
    found = response.content.decode()  # type: ignore[attr-defined]
    return {
        key: (said, html.unescape(url))
        for said, key, url in re.findall(
            r'<th scope="col" ([^>]*)>\s*<a id="sort-(\w+)"\s+hx-boost="true"\s+'
            r'href="([^"]*)"',
            found,
        )
    }


def test_the_heads_of_columns_turn_the_order(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, not_before=now() + timedelta(hours=3))
    client, path = as_user(alice), "/conversations/pending/"
    whole = heads(client.get(path))
    assert whole == {"date": ('aria-sort="descending"', f"{path}?sort=oldest")}
    scheduled = heads(client.get(f"{path}?list=scheduled"))
    assert scheduled["reason"] == ("", f"{path}?list=scheduled&sort=leaving")
    by_departure = client.get(scheduled["reason"][1])
    assert heads(by_departure) == {
        "reason": (
            'aria-sort="ascending"',
            f"{path}?list=scheduled&sort=leaving-last",
        ),
        "date": ("", f"{path}?list=scheduled"),
    }
    for each in by_departure.context["lists"]:  # the others have no such order
        assert not client.get(each["url"]).context["filter"].problems
    assert [each["url"] for each in by_departure.context["lists"]] == [
        path,
        f"{path}?list=scheduled&sort=leaving",
        f"{path}?list=in-progress",
    ]


OF_BIGCO = "cause=spam_policy%3Abigco.com"


def test_a_list_says_which_cause_it_is_of_and_leads_to_all_of_them(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    for name in ("anna@bigco.com", "anna@small.com"):
        make_delivery(alice, name, state=State.FAILED, reason="spam_policy")
    client = as_user(alice)
    response = client.get(f"/conversations/failed/?q=anna&{OF_BIGCO}")
    found = response.content.decode()
    assert "anna@small.com" not in found
    assert "Cause: <strong>Blocked by policy at bigco.com</strong>" in found
    [out] = re.findall(r'id="filter-cause-none"\s+href="([^"]*)"', found)
    assert "anna@small.com" in page(client, html.unescape(out))


def test_the_channel_of_a_cause_is_asked_for_once(
    alice: User, as_user: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_user(alice)
    with CaptureQueriesContext(connection) as plain:
        client.get("/conversations/failed/?cause=address_unknown")
    with django_assert_num_queries(len(plain) + 1):
        client.get("/conversations/failed/?cause=channel_down:1")


def test_what_is_searched_for_is_searched_in_the_same_cause(
    alice: User, as_user: SignIn
) -> None:
    found = page(as_user(alice), f"/conversations/failed/?{OF_BIGCO}")
    kept = '<input type="hidden" name="cause" value="spam_policy:bigco.com">'
    assert kept in found
    assert 'name="cause"' not in page(as_user(alice), "/conversations/failed/")


def test_what_is_written_as_a_cause_is_escaped(alice: User, as_user: SignIn) -> None:
    for cause in ("<script>", "spam_policy:<script>"):
        found = page(as_user(alice), f"/conversations/failed/?cause={cause}")
        assert "<script>" not in found.replace('<script type="module"', "")
        assert "&lt;script&gt;" in found


FAILED_ONES = {"reason", "triage"}


@pytest.mark.parametrize(
    ("path", "offered"),
    [
        ("sent/", {"channel"}),
        ("sent/?list=delivered", set()),  # by one channel alone
        ("sent/?list=handed-over", {"channel"}),
        ("sent/?list=archived", {"channel"} | FAILED_ONES),
        ("pending/", {"channel", "waits"}),
        ("pending/?list=scheduled", {"channel", "waits"}),
        ("failed/", {"channel"} | FAILED_ONES),
        ("failed/?list=bounced", {"channel"} | FAILED_ONES),
        ("sent/?reason=mailbox_full", {"channel", "reason"}),  # to let go of it
        ("sent/?list=delivered&channel=smtp", {"channel"}),
    ],
)
def test_a_list_offers_what_its_mail_can_be_narrowed_by(
    alice: User, as_user: SignIn, path: str, offered: set[str]
) -> None:
    found = as_user(alice).get(f"/conversations/{path}").context["choices"]
    assert {each["key"] for each in found} == {"when"} | offered


def test_handed_over_offers_no_channel_whose_mail_is_delivered(
    alice: User, as_user: SignIn
) -> None:
    found = page(as_user(alice), "/conversations/sent/?list=handed-over")
    assert '<option value="gmail">' in found
    assert '<option value="portal">' not in found


def test_a_manager_lists_the_failures_that_somebody_looks_after(
    alice: User,
    bob: User,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    make_delivery(alice, "hers@customer.test", state=State.FAILED, triage_owner=alice)
    make_delivery(alice, "nobodys@customer.test", state=State.FAILED)
    client, path = as_user(bob), "/conversations/failed/"
    with CaptureQueriesContext(
        connection,
    ) as asked:
        context = client.get(path).context
    [choice] = [each for each in context["choices"] if each["key"] == "care"]
    assert choice["label"] == "Looked after by"
    with django_assert_num_queries(len(asked)):
        found = page(client, f"{path}?care={alice.pk}&triage=open")
    assert "hers@" in found
    assert "nobodys@" not in found


def test_a_manager_looks_at_every_tab_as_a_member(
    alice: User, bob: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, "of-alice@customer.test", state=State.FAILED)
    make_delivery(bob, "of-bob@customer.test", state=State.FAILED)
    response = as_user(bob).get(f"/conversations/failed/?member={alice.pk}")
    assert "of-bob@" not in response.content.decode()
    for tab in response.context["tabs"]:
        assert tab["url"].endswith(f"?member={alice.pk}")
    assert [int(tab["count"]) for tab in response.context["tabs"]] == [0, 0, 1]


def test_scheduled_mail_and_mail_on_its_way_are_told_apart(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn, settings: Settings
) -> None:
    settings.UNDO_SECONDS = 60
    later, undo = now() + timedelta(hours=3), now() + timedelta(seconds=30)
    make_delivery(alice, "later@customer.test", not_before=later)
    make_delivery(alice, "put-off@customer.test", not_before=later, waiting_for="X")
    make_delivery(alice, "now@customer.test")
    make_delivery(alice, "may-be-undone@customer.test", not_before=undo)
    scheduled = page(as_user(alice), "/conversations/pending/?list=scheduled")
    on_its_way = page(as_user(alice), "/conversations/pending/?list=in-progress")
    for name in ("later", "put-off", "now", "may-be-undone"):
        is_scheduled = name == "later"
        assert (f"{name}@customer.test" in scheduled) is is_scheduled
        assert (f"{name}@customer.test" in on_its_way) is not is_scheduled
    assert "Can be undone until" in on_its_way
    assert "Can be undone until" not in scheduled


def test_what_is_archived_leaves_its_list_for_archived(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.FAILED, archived_at=now())
    client = as_user(alice)
    assert "anna@" not in page(client, "/conversations/failed/")
    assert "anna@" not in page(client, "/conversations/sent/")
    assert "anna@" in page(client, "/conversations/sent/?list=archived")


def test_a_failure_that_was_decided_about_says_so_in_its_row(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, state=State.FAILED, reason="mailbox_full", triage="waiting")
    row = page(as_user(alice), "/conversations/failed/").split("<tbody>")[1]
    assert '<span class="badge">Waiting</span>' in row


def test_what_no_index_counts_is_said_to_be_more_than_stands_on_the_page(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery
) -> None:
    for number in range(26):
        make_delivery(alice, f"anna{number}@customer.test", state=State.ACCEPTED)
    keep_layout(alice, "sent", ["subject"], 25)
    found = page(as_user(alice), "/conversations/sent/?q=anna")
    assert "25+ matches" in found
    assert "1 match<" in page(as_user(alice), "/conversations/sent/?q=anna25")


@pytest.fixture
def reach_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("lists.paging", "views.pages"):
        monkeypatch.setattr(f"conversations.{module}.REACH", 10)


def send(make_delivery: MakeDelivery, sender: User, *names: str) -> None:
    """A mail to each, the first on the 3rd of May at noon, every day one earlier."""
    for day, name in enumerate(names):
        at = datetime(2026, 5, 3, 12, tzinfo=UTC) - timedelta(days=day)
        make_delivery(
            sender, f"{name}@customer.test", state=State.ACCEPTED, state_since=at
        )


def text_of(found: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


@pytest.mark.usefixtures("reach_of_ten")
def test_a_page_says_how_far_it_looked_and_leads_further(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery
) -> None:
    bert = ["bert"] * 9
    send(make_delivery, alice, "anna", *bert, *bert, "anna", "bert", "anna")
    client = as_user(alice)
    url = "/conversations/sent/?q=anna&channel=portal"
    told, further = [], url
    while further:
        found = page(client, further)
        told.append(text_of(found.partition('id="folder"')[2]))
        links = re.findall(r'id="further"\s+href="([^"]+)"', found)
        further = html.unescape(links[0]) if links else ""
        assert "q=anna&channel=portal" in further or not further
    first, second, third = told
    assert (
        "Looked at some 10 messages, back to 23 Apr 2026, 12:00. One of them matches. "
        "Look further back" in first
    )
    assert "All 1+ that match" in first
    assert "1+ match" in text_of(page(client, url))
    assert "back to 13 Apr 2026, 12:00. One of them matches." in second
    assert "anna@" in third
    assert "No further match: that is all." in third


@pytest.mark.usefixtures("reach_of_ten")
def test_a_page_that_found_nothing_yet_is_no_empty_list(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery
) -> None:
    send(make_delivery, alice, *["bert"] * 12)
    client = as_user(alice)
    for sort, way in (("", "back to 23 Apr"), ("&sort=oldest", "up to 2 May")):
        url = f"/conversations/sent/?q=anna{sort}"
        response = client.get(url)
        found = text_of(response.content.decode())
        assert f"No match so far Looked at some 10 messages, {way}" in found
        assert "Nothing matches" not in found
        assert "No match on this page" in found
        ended = text_of(page(client, response.context["further"]["url"]))
        assert "No further match That is all: the list ends here." in ended
    assert "Nothing matches" in page(
        client, "/conversations/sent/?q=anna&since=2026-05-01"
    )


@pytest.mark.usefixtures("reach_of_ten")
def test_what_is_exported_and_acted_on_is_all_that_matches_however_far(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery
) -> None:
    send(make_delivery, alice, "anna", *["bert"] * 20, "anna")
    client = as_user(alice)
    everything = "?everything=1&tab=sent&q=anna"
    answer = client.get(f"/conversations/export.csv{everything}")
    lines = b"".join(answer).decode().splitlines()
    assert sum("anna@" in line for line in lines) == 2
    client.post(f"/conversations/act/archive/{everything}", {"accepted": "all"})
    while bulk.turn(BulkJob.objects.get().pk):
        pass
    archived = Delivery.objects.filter(archived_at__isnull=False)
    assert [each.recipient for each in archived] == ["anna@customer.test"] * 2


@pytest.mark.usefixtures("reach_of_ten")
def test_the_saved_search_that_is_looked_at_tells_the_number_of_the_page(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery
) -> None:
    send(make_delivery, alice, "anna", *["bert"] * 20, "anna")
    client = as_user(alice)
    client.post("/conversations/sent/searches/", {"query": "q=anna", "name": "Anna"})
    seen = client.get("/conversations/sent/?q=anna").context
    assert str(seen["matching"]) == "1+"
    assert seen["searches"][0]["count"] is seen["matching"]


@pytest.mark.usefixtures("reach_of_ten")
def test_looking_through_a_list_takes_no_statement_more(
    as_user: SignIn,
    alice: User,
    make_delivery: MakeDelivery,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    send(make_delivery, alice, "anna", *["bert"] * 20)
    client = as_user(alice)
    client.get("/conversations/sent/?q=anna")
    # As with any filter: what was delivered, and what was handed over
    for query in ("q=anna", "q=nobody", "q=customer"):
        with django_assert_num_queries(9):
            client.get(f"/conversations/sent/?{query}")


def test_a_live_list_looks_no_further_than_its_page(
    as_user: SignIn,
    alice: User,
    make_delivery: MakeDelivery,
    reach_of_ten: None,
) -> None:
    send(make_delivery, alice, *["bert"] * 20, "anna")
    response = as_user(alice).get("/conversations/sent/?q=anna", headers=HTMX)
    found = response.content.decode()
    assert "anna@" not in found
    assert "Look further back" in found
