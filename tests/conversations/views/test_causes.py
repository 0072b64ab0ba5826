from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from channels.models import Channel
from channels.pausing import pause
from conversations.models import Delivery, Suppression
from conversations.models.state import State
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
AsUser = Callable[[User], Client]
URL = "/conversations/failed/causes/"


def html(response: object) -> str:
    return " ".join(response.content.decode().split())  # type: ignore[attr-defined]


@pytest.fixture(params=["alice", "bob"])
def viewer(request: pytest.FixtureRequest) -> User:
    """A member is shown what is counted, a manager what the team's tally says."""
    found: User = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def failures(alice: User, make_delivery: MakeDelivery) -> None:
    for number in range(3):
        make_delivery(
            alice, f"p{number}@x.test", state=State.FAILED, reason="address_unknown"
        )
    for number in range(2):
        make_delivery(
            alice, f"p{number}@BigCo.com", state=State.BOUNCED, reason="spam_policy"
        )
    make_delivery(alice, "a@small.com", state=State.BOUNCED, reason="spam_policy")
    make_delivery(alice, "b@x.test", state=State.FAILED)


def test_causes_come_with_the_worst_first(
    as_user: AsUser, viewer: User, failures: None
) -> None:
    found = as_user(viewer).get(URL).context["causes"].shown
    assert [(each.title, each.number) for each in found][:2] == [
        ("Address does not exist", 3),
        ("Blocked by policy at bigco.com", 2),
    ]
    assert {(each.title, each.number) for each in found[2:]} == {
        ("Blocked by policy at small.com", 1),
        ("Reason not given", 1),
    }


def test_each_has_the_actions_that_can_work_and_no_other(
    as_user: AsUser, viewer: User, failures: None
) -> None:
    found = as_user(viewer).get(URL).context["causes"].shown
    actions = {each.key: [a.key for a in each.actions] for each in found}
    assert actions["address_unknown"] == ["correct", "decide", "archive"]
    assert actions["spam_policy:bigco.com"] == [
        "other-channel",
        "decide",
        "archive",
    ]


def test_what_stands_in_the_words_leads_to_the_messages_to_be_edited(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    failed = make_delivery(alice, state=State.FAILED, reason="content_rejected")
    (cause,) = as_user(alice).get(URL).context["causes"].shown
    assert "edit it and send it again" in cause.advice
    label, address = cause.first
    assert label == "See each message"
    assert failed.message.get_absolute_url() in html(as_user(alice).get(address))


def test_each_leads_to_exactly_the_failures_that_it_counts(
    as_user: AsUser,
    alice: User,
    viewer: User,
    make_delivery: MakeDelivery,
    failures: None,
) -> None:
    make_delivery(
        alice, "c@bigco.com", state=State.FAILED, reason="spam_policy", triage="lost"
    )
    make_delivery(alice, "bigco.com@x.test", state=State.FAILED, reason="mailbox_full")
    client = as_user(viewer)
    for cause in client.get(URL).context["causes"].shown:
        listed = client.get(cause.url)
        rows = listed.context["page"].rows
        assert {row.cause or "" for row in rows} == {cause.key}
        assert {row.triage for row in rows} == {"open"}
        assert len(rows) == cause.number == int(listed.context["matching"])
        assert f"Cause: <strong>{cause.title}</strong>" in html(listed)


def test_everything_that_such_a_list_shows_is_what_is_acted_on(
    as_user: AsUser, viewer: User, failures: None
) -> None:
    client = as_user(viewer)
    for cause in client.get(URL).context["causes"].shown:
        query = client.get(cause.url).context["query"]
        asked = {"everything": "1", "tab": "failed", "query": query}
        page = html(client.get("/conversations/act/archive/", asked))
        assert f"Archive: {cause.number}</h1>" in page


def test_an_action_reaches_its_cause_and_no_more(
    as_user: AsUser, viewer: User, failures: None
) -> None:
    client = as_user(viewer)
    for cause in client.get(URL).context["causes"].shown:
        [url] = [url for action, url in cause.links if action.key == "archive"]
        page = html(client.get(url))
        assert f"Archive: {cause.number}</h1>" in page


def test_what_is_decided_leaves_the_page(
    as_user: AsUser, viewer: User, failures: None
) -> None:
    client = as_user(viewer)
    Delivery.objects.update(triage=Delivery.Triage.LOST)
    one = Delivery.objects.first()
    Delivery.objects.filter(pk=one.pk if one else 0).update(triage="waiting")
    page = html(client.get(URL))
    assert "Nothing to decide" in page
    assert "1 waiting for somebody" in page


def test_a_refused_password_says_so_and_how_many_wait(
    as_user: AsUser, alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    server = Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={"host": "smtp.acme.com", "port": "25", "security": "none"},
    )
    for number in range(31):
        make_delivery(alice, f"p{number}@x.test")
    Delivery.objects.update(channel=server)
    pause(server, "535 5.7.8 authentication <b>failed</b>")
    page = html(as_user(alice).get(URL))
    assert "Password of smtp.acme.com was refused: 31 since" in page
    assert "authentication &lt;b&gt;failed&lt;/b&gt;" in page
    assert "Mend it</a>" in page.partition('id="causes"')[2]
    page = html(as_user(bob).get(URL))
    assert "Only Alice Acme can mend it." in page


def test_a_channel_that_does_not_work_is_not_retried(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    server = Channel.objects.create(
        kind="smtp", owner=alice, config={"host": "smtp.acme.com"}
    )
    make_delivery(alice, state=State.FAILED, reason="channel_down")
    Delivery.objects.update(channel=server)
    client = as_user(alice)
    [cause] = client.get(URL).context["causes"].shown
    assert cause.title == "smtp.acme.com was out of order"
    assert [each.key for each in cause.actions][:2] == ["retry", "other-channel"]
    pause(server, "421")
    [cause] = client.get(URL).context["causes"].shown
    assert [each.key for each in cause.actions][:2] == ["other-channel", "decide"]


def test_what_a_disconnected_channel_left_is_retried_once_it_is_connected_again(
    as_user: AsUser, alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    gmail = Channel.objects.create(kind="gmail", owner=alice, disconnected_at=now())
    make_delivery(alice, state=State.FAILED, reason="channel_gone")
    Delivery.objects.update(channel=gmail)
    page = html(as_user(alice).get(URL))
    assert "Connect it again, and this can be resent. </p>" in page
    assert 'href="/settings/channel/">Delivery channel</a>' in page
    assert "/act/retry/" not in page
    assert "Only Alice Acme can mend it." in html(as_user(bob).get(URL))
    Channel.objects.filter(pk=gmail.pk).update(disconnected_at=None)
    page = html(as_user(alice).get(URL))
    assert "It is connected again: this can be resent now." in page
    assert "/act/retry/" in page
    assert ">Delivery channel</a>" not in page


@pytest.mark.parametrize(
    ("reason", "address", "path"),
    [
        (
            "suppressed",
            "anna@customer.test",
            "/settings/suppressed/?q=anna%40customer.test",
        ),
        (
            "domain_blocked",
            "@customer.test",
            "/settings/team/blocked-domains/",
        ),
    ],
)
def test_what_is_stopped_leads_to_where_that_is_released_and_then_is_retried(
    as_user: AsUser,
    alice: User,
    make_delivery: MakeDelivery,
    reason: str,
    address: str,
    path: str,
) -> None:
    make_delivery(
        alice,
        state=State.FAILED,
        reason=reason,
        suppression=Suppression.objects.create(team=alice.team, address=address),
    )
    client = as_user(alice)
    page = html(client.get(URL))
    assert f'href="{path}"' in page
    assert "/act/retry/" not in page
    Suppression.objects.update(released_at=now())
    page = html(client.get(URL))
    assert f'href="{path}"' not in page
    assert "/act/retry/" in page


def test_unconfirmed_mail_can_be_settled(
    as_user: AsUser, alice: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, state=State.UNCONFIRMED, reason="unconfirmed")
    [cause] = as_user(alice).get(URL).context["causes"].shown
    assert [each.key for each in cause.actions][:2] == ["arrived", "not-arrived"]


def test_a_member_sees_their_own_a_manager_the_team_an_outsider_nothing(
    as_user: AsUser,
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: MakeDelivery,
    failures: None,
) -> None:
    make_delivery(bob, state=State.FAILED, reason="mailbox_full")
    numbers = [
        as_user(each).get(URL).context["causes"].number
        for each in (alice, bob, charlie)
    ]
    assert numbers == [7, 8, 0]


def test_a_manager_narrows_it_to_one_member(
    as_user: AsUser,
    alice: User,
    bob: User,
    make_delivery: MakeDelivery,
    failures: None,
) -> None:
    make_delivery(bob, "c@bigco.com", state=State.FAILED, reason="spam_policy")
    make_delivery(bob, state=State.FAILED, reason="suppressed")
    make_delivery(bob, state=State.FAILED, triage="waiting")
    client = as_user(bob)
    for member, numbers in ((alice, [3, 2, 1, 1]), (bob, [1, 1])):
        response = client.get(f"{URL}?member={member.pk}")
        found = response.context["causes"]
        assert found.number == sum(numbers)
        assert [cause.number for cause in found.shown] == numbers
        assert response.context["waiting"] == (member == bob)
        assert f"failures of {member} that nobody" in html(response)
        for cause in found.shown:
            rows = client.get(cause.url).context["page"].rows
            assert [row.sender_id for row in rows] == [member.pk] * cause.number
            [url] = [url for action, url in cause.links if action.key == "archive"]
            assert f"Archive: {cause.number}</h1>" in html(client.get(url))
    assert client.get(URL).context["causes"].number == 9


def test_the_tabs_and_lists_around_it_stay_with_the_member(
    as_user: AsUser, alice: User, bob: User, failures: None
) -> None:
    client, whose = as_user(bob), f"member={alice.pk}"
    around = client.get(f"{URL}?{whose}").context
    for each in around["tabs"] + around["lists"]:
        assert f"{whose}" in each["url"]
        assert not client.get(each["url"]).context["filter"].problems
    numbers = {each["listing"].key: int(each["count"]) for each in around["lists"]}
    assert (numbers[""], numbers["failed"]) == (7, 4)
    page = html(client.get(f"/conversations/failed/?{whose}"))
    assert f'href="{URL}?{whose}"' in page


def test_members_are_offered_to_managers_and_nobody_outside_the_team(
    as_user: AsUser, alice: User, bob: User, charlie: User
) -> None:
    page = html(as_user(bob).get(f"{URL}?member={alice.pk}"))
    assert f'<option value="{alice.pk}" selected>Alice Acme</option>' in page
    assert f'<option value="{charlie.pk}"' not in page
    assert "filter-member" not in html(as_user(alice).get(URL))


@pytest.mark.parametrize("member", ["charlie", "0", "<b>", "nobody"])
def test_whoever_is_no_member_narrows_it_to_nothing(
    as_user: AsUser,
    bob: User,
    request: pytest.FixtureRequest,
    member: str,
    failures: None,
) -> None:
    if member == "charlie":
        member = str(request.getfixturevalue(member).pk)
    page = html(as_user(bob).get(URL, {"member": member}))
    assert "is not one of the choices." in page
    assert "Address does not exist" not in page
    assert "<b>" not in page


def test_the_numbers_around_it_stay_live_where_it_is_narrowed_to_nothing(
    as_user: AsUser, bob: User, make_delivery: MakeDelivery
) -> None:
    client, live = as_user(bob), {"HX-Request": "true"}
    page = client.get(URL, {"member": "nobody"}).content.decode()
    [(url, seen)] = re.findall(
        r'hx-get="([^"]+)"\s+hx-vals=\'{"seen": "(\w+)"}\'', page
    )
    url = f"{url}&seen={seen}"
    assert client.get(url, headers=live).status_code == 204
    make_delivery(bob, state=State.FAILED, reason="mailbox_full")
    changed = client.get(url, headers=live).content.decode()
    assert 'id="tabs"' in changed
    assert 'hx-trigger="every ' in changed
    assert "Mailbox full" not in changed


def test_a_member_is_not_told_of_another(
    as_user: AsUser, alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(bob, state=State.FAILED, reason="mailbox_full")
    page = html(as_user(alice).get(f"{URL}?member={bob.pk}"))
    assert "is not one of the choices." in page
    assert "Mailbox full" not in page


def test_the_failed_tab_leads_here(as_user: AsUser, alice: User) -> None:
    assert f'href="{URL}"' in html(as_user(alice).get("/conversations/failed/"))


def test_the_number_of_queries_does_not_grow(
    as_user: AsUser,
    alice: User,
    viewer: User,
    make_delivery: MakeDelivery,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = as_user(viewer)
    for number in (1, 20):
        for each in range(number):
            make_delivery(
                alice,
                f"a@d{each}.test",
                state=State.FAILED,
                reason="spam_policy",
                state_since=now() - timedelta(hours=each),
            )
        client.get(URL)  # what has come since is added to the tally
        # session, user, causes, held, waiting, saved searches, all counts;
        # of a team whether there are changes, and the total
        refreshed = 7 if viewer == alice else 9
        with django_assert_num_queries(refreshed):
            client.get(URL, headers={"HX-Request": "true"})
        # broken channels; of a team its members
        with django_assert_num_queries(refreshed + (1 if viewer == alice else 2)):
            client.get(URL)


def test_the_smallest_causes_are_shown_on_request(
    as_user: AsUser, alice: User, viewer: User, make_delivery: MakeDelivery
) -> None:
    client = as_user(viewer)
    for each in range(27):
        make_delivery(
            alice, f"a@d{each}.test", state=State.FAILED, reason="spam_policy"
        )
    page = html(client.get(URL))
    assert "27 failures that nobody has decided about." in page
    assert '<a href="?all=1">2 smaller causes</a>' in page
    assert len(client.get(f"{URL}?all=1").context["causes"].shown) == 27


def test_strangers_sign_in_first_and_wrong_methods_are_refused(
    as_user: AsUser, alice: User, client: Client
) -> None:
    assert client.get(URL)["Location"].startswith("/accounts/login/")
    assert as_user(alice).post(URL).status_code == 405
