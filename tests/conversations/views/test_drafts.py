from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from conversations.lists.columns import keep_layout
from conversations.models import Draft, SavedSearch
from conversations.writing import drafting
from deliveryportal.accounts.models import User

SignIn = Callable[[User], Client]
URL = "/conversations/drafts/"
DELETE = "/conversations/drafts/delete/"
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


def begin(owner: User, *names: str) -> list[Draft]:
    """A draft to each, saved an hour after the one before."""
    return [
        Draft.objects.create(
            owner=owner,
            to=f"{name}@customer.test",
            subject=f"To {name}",
            saved_at=NOON + timedelta(hours=hour),
        )
        for hour, name in enumerate(names)
    ]


def page(client: Client, url: str = URL) -> str:
    return unescape(" ".join(client.get(url).content.decode().split()))


def listed(client: Client, query: str = "") -> list[str]:
    rows = page(client, f"{URL}?{query}").partition("<tbody>")[2]
    return re.findall(r"<bdi>(\w+)@customer.test</bdi>", rows)


@pytest.fixture
def three(alice: User) -> list[Draft]:
    return begin(alice, "anna", "bert", "carl")


# --- The list ----------------------------------------------------------------


def test_drafts_count_in_pending_and_are_nobody_elses(
    alice: User, bob: User, charlie: User, three: list[Draft], as_user: SignIn
) -> None:
    def pending(user: User, url: str) -> str:
        tab = re.search(r'id="tab-pending".*?"count "[^>]*>(\d+)<', page_of(user, url))
        assert tab
        return tab[1]

    def page_of(user: User, url: str) -> str:
        return page(as_user(user), url)

    for url in (URL, "/conversations/sent/", "/conversations/failed/causes/"):
        assert [pending(each, url) for each in (alice, bob, charlie)] == ["3", "0", "0"]
    assert pending(bob, f"/conversations/pending/?member={alice.pk}") == "0"
    for other in (bob, charlie):
        assert listed(as_user(other)) == []
        assert listed(as_user(other), f"member={alice.pk}") == []


def test_the_newest_stand_first_or_the_oldest(
    alice: User, three: list[Draft], as_user: SignIn
) -> None:
    client = as_user(alice)
    assert listed(client) == ["carl", "bert", "anna"]
    assert 'aria-sort="descending"' in page(client)
    assert 'href="/conversations/drafts/?sort=oldest"' in page(client)
    assert listed(client, "sort=oldest") == ["anna", "bert", "carl"]
    assert 'aria-sort="ascending"' in page(client, f"{URL}?sort=oldest")


@pytest.mark.parametrize("sort", ["", "oldest"])
def test_every_draft_stands_on_one_page_whatever_moments_they_share(
    alice: User, as_user: SignIn, sort: str
) -> None:
    names = [f"n{number:02}" for number in range(60)]
    for number, draft in enumerate(begin(alice, *names)):
        Draft.objects.filter(pk=draft.pk).update(
            saved_at=NOON + timedelta(hours=number // 7)
        )
    keep_layout(alice, "drafts", (), 25)
    order: dict[str, str] = {"sort": sort} if sort else {}
    client, url, seen = as_user(alice), f"{URL}?{urlencode(order)}", []
    while url:
        answer = client.get(url)
        seen.append([draft.to_begins[:3] for draft in answer.context["page"].rows])
        [url] = [e["url"] for e in answer.context["page_links"] if e["key"] == "next"]
    assert [len(each) for each in seen] == [25, 25, 10]
    in_order = names if sort else names[::-1]
    assert [name for each in seen for name in each] == in_order
    last = client.get(URL, {"end": "1", **order}).context["page"].rows
    assert [draft.to_begins[:3] for draft in last] == in_order[-25:]


def test_the_rows_on_a_page_are_remembered(
    alice: User, bob: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    begin(alice, *(f"n{number}" for number in range(27)))
    kept = client.post(f"{URL}rows/", {"rows": "25", "query": "q=customer&sort=oldest"})
    assert kept["Location"] == f"{URL}?q=customer&sort=oldest"
    assert len(listed(client)) == 25
    assert "<option selected>25</option>" in page(client)
    assert "<option selected>50</option>" in page(as_user(bob))
    assert client.get("/conversations/sent/").context["layout"].rows == 50


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "Wanted <wanted@x.test>"},
        {"cc": "wanted@x.test"},
        {"bcc": "wanted@x.test"},
        {"people": "email\nWANTED@x.test"},
        {"subject": "What you wanted"},
    ],
)
def test_a_draft_is_found_by_whom_it_is_for_and_what_it_is_about(
    alice: User, three: list[Draft], as_user: SignIn, fields: dict[str, str]
) -> None:
    Draft.objects.create(owner=alice, **fields)
    answer = as_user(alice).get(f"{URL}?q=wanted")
    [found] = answer.context["page"].rows
    assert Draft.objects.filter(pk=found.pk, **fields).exists()
    assert "1 match<" in unescape(answer.content.decode())


def test_a_search_looks_neither_into_the_text_nor_at_what_was_deleted(
    alice: User, bob: User, three: list[Draft], as_user: SignIn
) -> None:
    Draft.objects.create(owner=alice, body="A wanted word")
    Draft.objects.create(owner=bob, subject="wanted")
    drafting.delete(Draft.objects.filter(pk=three[0].pk))
    client = as_user(alice)
    assert "Nothing matches" in page(client, f"{URL}?q=wanted")
    assert listed(client, "q=customer") == ["carl", "bert"]
    assert listed(client, "q=customer&sort=oldest") == ["bert", "carl"]


def test_a_search_looks_only_so_far_and_offers_to_go_on(
    alice: User, as_user: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("lists.paging", "views.pages"):
        monkeypatch.setattr(f"conversations.{module}.REACH", 10)
    begin(alice, "anna", *(["bert"] * 15))
    answer = as_user(alice).get(f"{URL}?q=anna")
    assert listed(as_user(alice), "q=anna") == []
    further = answer.context["further"]["url"]
    assert listed(as_user(alice), further.partition("?")[2]) == ["anna"]


@pytest.mark.parametrize(
    ("query", "found", "number"),
    [
        ("since=2026-03-11", ["carl"], "1"),
        ("until=2026-03-10", ["bert", "anna"], "2"),
        ("since=2026-03-10&until=2026-03-10&sort=oldest", ["anna", "bert"], "2"),
        ("since=2026-03-11&q=bert", [], "0"),
        ("when=today", [], "0"),
    ],
)
def test_drafts_are_narrowed_by_the_days_they_were_saved_on(
    alice: User, as_user: SignIn, query: str, found: list[str], number: str
) -> None:
    for name, hours in (("anna", 0), ("bert", 1), ("carl", 24)):
        at = NOON + timedelta(hours=hours)
        Draft.objects.create(owner=alice, to=f"{name}@customer.test", saved_at=at)
    assert listed(as_user(alice), query) == found
    matching = as_user(alice).get(f"{URL}?{query}").context["matching"]
    assert str(matching) == number


@pytest.mark.parametrize("query", ["q=ab", "after=x", "sort=x", "since=x", "q=%00aaa"])
def test_an_address_that_makes_no_sense_is_answered_by_a_sentence(
    alice: User, three: list[Draft], as_user: SignIn, query: str
) -> None:
    client = as_user(alice)
    assert "Nothing is shown until this is mended." in page(client, f"{URL}?{query}")
    assert listed(client, query) == []


def test_what_else_mail_is_narrowed_by_is_no_matter_here(
    alice: User, three: list[Draft], as_user: SignIn
) -> None:
    assert len(listed(as_user(alice), "reason=nonsense&member=nobody")) == 3
    assert 'name="reason"' not in page(as_user(alice))
    assert 'name="when"' in page(as_user(alice))


def test_what_was_typed_is_shown_escaped_and_no_more_than_a_row_holds(
    alice: User, as_user: SignIn
) -> None:
    hostile = "<script>alert(1)</script>"
    Draft.objects.create(
        owner=alice, to=hostile, subject=f"{hostile}{{}}", body=hostile * 1000
    )
    found = as_user(alice).get(URL).content.decode()
    assert "<script>alert" not in found
    assert found.count("&lt;script&gt;alert(1)&lt;/script&gt;{}") == 2
    assert len(found) < 20_000


def test_a_draft_that_has_little_says_so(alice: User, as_user: SignIn) -> None:
    Draft.objects.create(owner=alice, to=" ", subject="\n", body="x")
    Draft.objects.create(owner=alice, people="email\nanna@x.test", subject="List")
    found = page(as_user(alice))
    assert "<bdi>(nobody yet)</bdi>" in found
    assert "<bdi>(no subject)</bdi>" in found
    assert "<bdi>a list of people</bdi>" in found


def test_without_drafts_the_page_says_what_would_stand_there(
    alice: User, as_user: SignIn
) -> None:
    found = page(as_user(alice))
    assert "What you write is saved here by itself" in found
    assert "Write a message</a>" in found


def test_drafts_stand_among_the_lists_of_pending_beside_the_saved_searches(
    alice: User, as_user: SignIn
) -> None:
    SavedSearch.objects.create(owner=alice, team=alice.team, name="Mine", tab="failed")
    found = page(as_user(alice))
    assert 'href="/conversations/pending/?list=scheduled"' in found
    assert 'href="/conversations/drafts/" aria-current="page"> Drafts' in found
    assert re.search(r'<a id="search-\d+" href="/conversations/failed/" > Mine', found)
    # Links from list to list show only this much of the page they lead to.
    for url in (URL, "/conversations/pending/"):
        assert page(as_user(alice), url).count('id="conversations"') == 1


def test_htmx_gets_the_live_parts_if_they_have_changed(
    alice: User, three: list[Draft], as_user: SignIn
) -> None:
    client = as_user(alice)
    first = client.get(URL, headers=HTMX).content.decode()
    assert "<html" not in first
    for part in ("folder", "tabs", "lists", "searches"):
        assert first.count(f'id="{part}"') == 1
    [seen] = re.findall(r'"seen": "(\w+)"', first)
    assert client.get(f"{URL}?seen={seen}", headers=HTMX).status_code == 204
    begin(alice, "dora")
    changed = client.get(f"{URL}?seen={seen}", headers=HTMX)
    assert "dora@customer.test" in changed.content.decode()


def test_the_number_of_queries_does_not_grow_with_the_drafts(
    alice: User, as_user: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_user(alice)
    for number in (1, 20):
        begin(alice, *["anna"] * number)
        # session, user, layout, saved searches, all counts, rows
        with django_assert_num_queries(6):
            client.get(URL, headers=HTMX)
        with django_assert_num_queries(7):  # broken channels
            client.get(f"{URL}?q=anna")


# --- Deleting many ------------------------------------------------------------


def test_what_is_ticked_is_shown_deleted_and_had_back(
    alice: User, three: list[Draft], as_user: SignIn
) -> None:
    client = as_user(alice)
    anna, bert, _ = three
    url = f"{DELETE}?draft={anna.uuid}&draft={bert.uuid}&query=sort%3Doldest"
    shown = page(client, url)
    assert "<h1>Delete 2 drafts</h1>" in shown
    assert "anna@" in shown
    assert "carl@" not in shown
    assert Draft.objects.of(alice).count() == 3
    deleted = client.post(url, follow=True)
    assert deleted.redirect_chain[-1][0] == f"{URL}?sort=oldest"
    assert "2 drafts are deleted." in deleted.content.decode()
    assert listed(client) == ["carl"]
    [undo] = re.findall(r'action="([^"]+/restore/\d+/)"', deleted.content.decode())
    assert "Your 2 drafts are back." in unescape(
        client.post(undo, follow=True).content.decode()
    )
    assert listed(client) == ["carl", "bert", "anna"]
    assert client.post(undo).status_code == 404


def test_undo_brings_back_what_went_together_and_nothing_else(
    alice: User, three: list[Draft], as_user: SignIn
) -> None:
    client = as_user(alice)
    anna, bert, carl = three
    drafting.put_away(alice, carl.uuid, drafting.Written(texts={}), now())
    client.post(f"{DELETE}?draft={anna.uuid}", follow=True)
    deleted = client.post(f"{DELETE}?draft={bert.uuid}", follow=True)
    [undo] = re.findall(r'action="([^"]+/restore/\d+/)"', deleted.content.decode())
    assert client.post(undo)["Location"] == bert.get_absolute_url()
    assert listed(client) == ["bert"]


def test_all_that_match_are_deleted_on_whatever_page_they_stand(
    alice: User, bob: User, as_user: SignIn
) -> None:
    begin(alice, *(f"anna{number}" for number in range(60)), "bert")
    begin(bob, "anna")
    client, url = as_user(alice), f"{DELETE}?everything=1&query=q%3Danna"
    shown = page(client, url)
    assert "Delete 60 drafts</h1>" in shown
    assert "The newest 20 of 60." in shown
    client.post(url)
    assert listed(client) == ["bert"]
    assert listed(as_user(bob)) == ["anna"]
    again = client.get(url, follow=True).content.decode()
    assert "Nothing matches any more, so nothing was done." in again


def test_an_address_that_makes_no_sense_deletes_nothing(
    alice: User, three: list[Draft], as_user: SignIn
) -> None:
    for query in ("q%3Dab", "since%3Dx", "sort%3Dx"):
        as_user(alice).post(f"{DELETE}?everything=1&query={query}")
    as_user(alice).post(f"{DELETE}?draft=x")
    assert Draft.objects.of(alice).count() == 3


def test_nothing_chosen_is_nothing_done(
    alice: User, three: list[Draft], as_user: SignIn
) -> None:
    answer = as_user(alice).get(f"{DELETE}?query=sort%3Doldest", follow=True)
    assert answer.redirect_chain[-1][0] == f"{URL}?sort=oldest"
    assert "Nothing was chosen" in answer.content.decode()


def test_nobody_deletes_anothers_nor_has_it_back(
    alice: User, bob: User, charlie: User, three: list[Draft], as_user: SignIn
) -> None:
    mark = drafting.delete(Draft.objects.filter(pk=three[2].pk)).mark
    for other in (bob, charlie):
        client = as_user(other)
        assert client.get(f"{DELETE}?draft={three[0].uuid}").status_code == 404
        assert client.post(f"{DELETE}?draft={three[0].uuid}").status_code == 404
        client.post(f"{DELETE}?everything=1")
        assert client.post(f"{URL}restore/{mark}/").status_code == 404
    assert listed(as_user(alice)) == ["bert", "anna"]


@pytest.mark.parametrize("mark", [0, 10**30])
def test_a_mark_of_nothing_brings_nothing_back(
    alice: User, as_user: SignIn, mark: int
) -> None:
    assert as_user(alice).post(f"{URL}restore/{mark}/").status_code == 404


def test_strangers_sign_in_first_and_wrong_methods_are_refused(
    alice: User, client: Client, as_user: SignIn
) -> None:
    for path in ("", "rows/", "delete/", "restore/1/"):
        assert client.get(f"{URL}{path}")["Location"].startswith("/accounts/login/")
    assert as_user(alice).post(URL).status_code == 405
    assert as_user(alice).get(f"{URL}rows/").status_code == 405
    assert as_user(alice).get(f"{URL}restore/1/").status_code == 405
    assert as_user(alice).put(DELETE).status_code == 405
