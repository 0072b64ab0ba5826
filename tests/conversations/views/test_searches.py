from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from django.test import Client

from channels.models import EmailIdentity
from conversations.lists import searches
from conversations.models import Delivery, SavedSearch
from conversations.models.state import State
from deliveryportal.accounts.models import User
from tests.conftest import person

MakeDelivery = Callable[..., Delivery]
SignIn = Callable[[User], Client]
URL = "/conversations/failed/searches/"


def save(client: Client, name: str = "Full", **data: str) -> str:
    data = {"query": "reason=mailbox_full", "name": name, **data}
    return client.post(URL, data, follow=True).content.decode()


def test_a_saved_search_stands_at_the_side_with_its_count(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.FAILED, reason="mailbox_full")
    make_delivery(alice, state=State.FAILED, reason="spam_policy")
    assert "Saved as “Full”." in save(as_user(alice))
    [shown] = as_user(alice).get("/conversations/sent/").context["searches"]
    assert shown["url"] == "/conversations/failed/?reason=mailbox_full"
    assert (str(shown["search"]), int(shown["count"])) == ("Full", 1)


def test_a_saved_search_of_what_was_sent_has_its_count_too(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    for recipient in ("anna@acme.test", "bert@b.test"):
        make_delivery(alice, recipient, state=State.ACCEPTED)
    url = "/conversations/sent/searches/"
    as_user(alice).post(url, {"query": "q=anna", "name": "Anna"})
    [shown] = as_user(alice).get("/conversations/failed/").context["searches"]
    assert str(shown["count"]) == "1"


@pytest.mark.parametrize("name", ["Fu\x00ll", "Full \u202etxet", "Two\nlines"])
def test_a_name_that_misleads_or_no_database_takes_is_refused(
    alice: User, as_user: SignIn, name: str
) -> None:
    assert "Write its name without control characters." in save(as_user(alice), name)
    assert not SavedSearch.objects.exists()


def test_a_search_too_long_to_be_kept_is_refused_in_plain_words(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    page = save(client, query=urlencode({"q": "納品書" * 40}))
    assert "The search was not saved. It looks for too much text" in page
    assert not SavedSearch.objects.exists()
    assert "Saved as" in save(client, query=urlencode({"q": "納品書" * 36}))


def test_a_name_in_use_is_refused_and_what_has_it_stays_as_it_was(
    bob: User, as_user: SignIn
) -> None:
    client = as_user(bob)
    assert "Saved as “Full”." in save(client, shared="1")
    for data in ({"query": "q=anna", "shared": "1"}, {}):
        page = save(client, **data)
        assert "You have another shared search named “Full”, which stays as it" in page
        assert "Choose another name" in page
    search = SavedSearch.objects.get()
    assert (search.query, search.shared) == ("reason=mailbox_full", True)
    assert "Saved as “Fuller”." in save(client, "Fuller", query="q=anna")


def test_saving_the_same_twice_is_saving_it_once(alice: User, as_user: SignIn) -> None:
    for _ in range(2):
        assert "Saved as “Full”." in save(as_user(alice))
    assert SavedSearch.objects.count() == 1


def test_a_name_is_one_persons(alice: User, bob: User, as_user: SignIn) -> None:
    save(as_user(bob), shared="1")
    assert "Saved as “Full”." in save(as_user(alice), query="q=anna")


def test_managers_share_a_search_and_everybody_sees_their_own_mail_in_it(
    alice: User, bob: User, charlie: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.FAILED, reason="mailbox_full")
    make_delivery(bob, state=State.FAILED, reason="mailbox_full")
    save(as_user(bob), shared="1")

    def numbers(user: User) -> list[int]:
        context = as_user(user).get("/conversations/failed/").context
        return [int(each["count"]) for each in context["searches"]]

    assert numbers(bob) == [2]
    assert numbers(alice) == [1]
    assert numbers(charlie) == []


def test_a_members_search_is_their_own(alice: User, bob: User, as_user: SignIn) -> None:
    save(as_user(alice))
    assert not as_user(bob).get("/conversations/failed/").context["searches"]
    assert "Only managers share" in save(as_user(alice), "Another", shared="1")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"name": " "}, "Give it a name"),
        ({"name": "x" * 61}, "Give it a name"),
        ({"name": "Bad", "query": "reason=nonsense"}, "Its filter makes no sense."),
    ],
)
def test_what_cannot_be_kept_is_said(
    alice: User, as_user: SignIn, data: dict[str, str], words: str
) -> None:
    assert words in save(as_user(alice), **data)
    assert not SavedSearch.objects.exists()


def test_there_are_not_too_many(
    alice: User, as_user: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searches, "MOST", 2)
    client = as_user(alice)
    for name in ("One", "Two", "Three", "Two"):
        page = save(client, name)
        assert ("Remove one first" in page) is (name == "Three")


def test_who_may_remove_what(
    alice: User, bob: User, charlie: User, as_user: SignIn
) -> None:
    save(as_user(bob), shared="1")
    url = f"/conversations/searches/{SavedSearch.objects.get().pk}/remove/"
    assert as_user(charlie).post(url).status_code == 404
    assert as_user(alice).post(url).status_code == 403
    assert as_user(bob).get(url).status_code == 405
    page = as_user(bob).post(url, follow=True).content.decode()
    assert "“Full” was removed. The mail in it was not." in page
    assert not SavedSearch.objects.exists()


def test_a_search_of_one_person_s_mail_is_shared_with_managers_alone(
    alice: User, bob: User, make_delivery: MakeDelivery, as_user: SignIn
) -> None:
    make_delivery(alice, state=State.FAILED, reason="mailbox_full")
    carla = person("Carla", team_of=bob)
    User.objects.filter(pk=carla.pk).update(role=User.Role.MANAGER)
    of_alice = EmailIdentity.objects.get(owner=alice).uuid
    client = as_user(bob)
    said = save(client, "By member", query=f"member={alice.pk}", shared="1")
    assert "Saved as “By member”. Only managers see it" in said
    save(client, "By identity", query=f"identity={of_alice}", shared="1")
    assert "Only managers see it" not in save(client, "Full", shared="1")

    def numbers(user: User) -> dict[str, int]:
        searches = as_user(user).get("/conversations/failed/").context["searches"]
        return {str(each["search"]): int(each["count"]) for each in searches}

    everything = {"By member": 1, "By identity": 1, "Full": 1}
    assert numbers(bob) == everything
    assert numbers(User.objects.get(pk=carla.pk)) == everything
    assert numbers(alice) == {"Full": 1}


def test_the_form_says_beforehand_with_whom_a_search_is_shared(
    alice: User, bob: User, as_user: SignIn
) -> None:
    def form(user: User, query: str = "") -> str:
        page = as_user(user).get(f"/conversations/failed/?{query}").text
        return " ".join(page.split())

    with_managers = "Share with the team’s managers"
    assert "Share with the team <" in form(bob)
    assert with_managers in form(bob, f"member={alice.pk}")
    assert "they are not shown this search" in form(bob, f"member={alice.pk}")
    assert "Share with" not in form(alice)
    save(as_user(bob), query=f"member={alice.pk}", shared="1")
    assert 'title="Shared with the team’s managers"' in form(bob)


def test_a_search_whose_filter_has_lost_its_sense_counts_nothing(
    bob: User, alice: User, as_user: SignIn
) -> None:
    save(as_user(bob), query=f"member={alice.pk}")
    User.objects.filter(pk=bob.pk).update(role=User.Role.MEMBER)
    bob.refresh_from_db()
    [shown] = as_user(bob).get("/conversations/failed/").context["searches"]
    assert int(shown["count"]) == 0


def test_other_lists_and_methods_are_refused(alice: User, as_user: SignIn) -> None:
    client = as_user(alice)
    assert client.get(URL).status_code == 405
    assert client.post("/conversations/none/searches/").status_code == 404
