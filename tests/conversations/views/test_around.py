"""What every page of Conversations has around it, whatever stands in the middle."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from conversations.models import Delivery, Draft, SavedSearch
from conversations.models.state import State
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
SignIn = Callable[[User], Client]
HTMX = {"HX-Request": "true"}
CAUSES, OVERVIEW, DRAFTS, FAILED = (
    "/conversations/failed/causes/",
    "/conversations/overview/",
    "/conversations/drafts/",
    "/conversations/failed/",
)
every_page = pytest.mark.parametrize("url", [CAUSES, OVERVIEW, DRAFTS, FAILED])


def numbers(page: str, what: str) -> list[str]:
    links = re.findall(rf'<a id="{what}-.*?</a>', page, re.DOTALL)
    found = [re.search(r'class="count[^>]*>(\d*)<', link) for link in links]
    return [each[1] for each in found if each]


@pytest.fixture
def full(bob: User, alice: User, make_delivery: MakeDelivery) -> SavedSearch:
    make_delivery(alice, state=State.FAILED, reason="mailbox_full")
    return SavedSearch.objects.create(
        owner=bob, team=bob.team, name="Full", tab="failed", query="reason=mailbox_full"
    )


@every_page
def test_saved_searches_stand_beside_every_page_with_their_counts(
    bob: User, full: SavedSearch, as_user: SignIn, url: str
) -> None:
    page = as_user(bob).get(url).content.decode()
    assert f'id="search-{full.pk}"' in page
    assert 'href="/conversations/failed/?reason=mailbox_full"' in page
    assert numbers(page, "search") == ["1"]
    assert (
        'aria-current="page"'
        not in page.partition('id="searches"')[2].partition("</aside>")[0]
    )


@pytest.mark.parametrize("url", [CAUSES, DRAFTS, FAILED])
def test_a_search_is_seen_by_those_it_is_for(
    alice: User, charlie: User, full: SavedSearch, as_user: SignIn, url: str
) -> None:
    for other in (alice, charlie):
        assert "Saved searches" not in as_user(other).get(url).content.decode()
    SavedSearch.objects.update(shared=True)
    assert "Saved searches" in as_user(alice).get(url).content.decode()
    assert "Saved searches" not in as_user(charlie).get(url).content.decode()


@every_page
def test_a_refresh_brings_every_number_that_has_changed_and_else_nothing(
    bob: User,
    alice: User,
    full: SavedSearch,
    make_delivery: MakeDelivery,
    as_user: SignIn,
    url: str,
) -> None:
    client = as_user(bob)
    page = client.get(url).content.decode()
    [(again, seen)] = re.findall(
        r'hx-get="([^"]+)"\s+hx-vals=\'{"seen": "(\w+)"}\'', page
    )
    assert again == url
    assert client.get(f"{url}?seen={seen}", headers=HTMX).status_code == 204
    make_delivery(alice, state=State.BOUNCED, reason="mailbox_full")
    make_delivery(alice, state=State.ACCEPTED)
    Draft.objects.create(owner=bob)
    changed = client.get(f"{url}?seen={seen}", headers=HTMX).content.decode()
    assert "<html" not in changed
    assert numbers(page, "tab") == ["0", "0", "1"]
    assert numbers(changed, "tab") == ["1", "1", "2"]
    assert numbers(page, "search") == ["1"]
    assert numbers(changed, "search") == ["2"]
    # What is swapped stands in the page and in the answer, and asks again.
    [taken] = set(re.findall('hx-select-oob="([^"]+)"', page))
    for each in taken.split(","):
        identity = f'id="{each.removeprefix("#")}"'
        assert page.count(identity) == changed.count(identity)
    assert 'hx-trigger="every ' in changed


def test_a_refresh_of_the_overview_asks_for_no_picture(
    bob: User,
    full: SavedSearch,
    as_user: SignIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = as_user(bob)
    # session, user, saved searches, all counts, those of searches
    with django_assert_num_queries(5):
        client.get(f"{OVERVIEW}?when=7", headers=HTMX)


def test_looking_at_pending_as_a_member_offers_no_drafts(
    bob: User, alice: User, as_user: SignIn
) -> None:
    Draft.objects.create(owner=bob)
    client = as_user(bob)
    pending = "/conversations/pending/"
    assert "list-drafts" in client.get(pending).content.decode()
    page = client.get(f"{pending}?member={alice.pk}").content.decode()
    assert "list-drafts" not in page
    assert DRAFTS not in page
