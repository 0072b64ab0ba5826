from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from channels.models import Channel
from conversations.models import (
    Alert,
    CauseTally,
    Delivery,
    DeliveryEvent,
    Tally,
    TallyMark,
)
from conversations.models.state import State
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
AsUser = Callable[[User], Client]
Kind = DeliveryEvent.Kind
URL = "/conversations/overview/"


def tallied(
    sender: User, kind: Kind, number: int, *, days_ago: int = 0, channel: Channel
) -> None:
    Tally.objects.create(
        hour=(now() - timedelta(days=days_ago)).replace(
            minute=0, second=0, microsecond=0
        ),
        team=sender.team,
        sender=sender,
        channel=channel,
        kind=kind,
        number=number,
    )


def html(response: object) -> str:
    return unescape(" ".join(response.content.decode().split()))  # type: ignore[attr-defined]


def today() -> str:
    return f"{now():%Y-%m-%d}"


@pytest.fixture
def sent(alice: User, portal_channel: Channel) -> None:
    for days_ago in range(3):
        tallied(alice, Kind.ACCEPTED, 40, days_ago=days_ago, channel=portal_channel)
    tallied(alice, Kind.FAILED, 7, channel=portal_channel)
    tallied(alice, Kind.BOUNCED, 2, days_ago=1, channel=portal_channel)


def test_a_manager_sees_sent_failed_and_bounced_by_day_and_channel(
    as_user: AsUser, bob: User, sent: None
) -> None:
    found = as_user(bob).get(URL).context["pictures"]
    assert [(each.title, each.number, each.highest) for each in found] == [
        ("Sent", 120, 40),
        ("Failed", 7, 7),
        ("Bounced", 2, 2),
    ]
    assert [len(each.bars) for each in found] == [30, 30, 30]
    assert [each.label for each in found[0].series] == ["Portal servers"]
    assert [bar.number for bar in found[2].bars][-3:] == [0, 2, 0]


def test_each_number_leads_to_its_list(
    as_user: AsUser, bob: User, alice: User, sent: None, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, "anna@gone.test", state=State.FAILED, reason="address_unknown")
    client = as_user(bob)
    page = html(client.get(URL))
    day = today()
    for wanted in (
        f"/conversations/failed/?list=failed&since={day}&until={day}&channel=portal",
        "/conversations/failed/?list=bounced&channel=portal&when=30",
        "/conversations/sent/?when=30",
        "/conversations/failed/?q=%40gone.test&when=30",
        "/conversations/failed/?triage=open&cause=address_unknown",
        f"/conversations/failed/?member={alice.pk}&when=7",
    ):
        assert f'href="{wanted}"' in page
        answer = client.get(wanted)
        assert answer.status_code == 200
        assert not answer.context["filter"].problems


def test_behind_each_picture_stands_a_table(
    as_user: AsUser, bob: User, sent: None
) -> None:
    page = html(as_user(bob).get(URL))
    assert page.count('<svg class="picture__bars"') == 3
    assert page.count('role="group"') == 3  # as an image its links could not be heard
    assert page.count("The table behind it") == 4  # the members' too
    assert 'style="' not in page


@pytest.mark.parametrize("days", [7, 90])
def test_the_days_stand_in_the_address(
    as_user: AsUser, bob: User, sent: None, days: int
) -> None:
    response = as_user(bob).get(URL, {"when": days})
    assert [len(each.bars) for each in response.context["pictures"]] == [days] * 3
    assert f"/conversations/sent/?when={days}" in html(response)


def test_days_that_are_no_choice_are_told(as_user: AsUser, bob: User) -> None:
    page = html(as_user(bob).get(URL, {"when": "<script>"}))
    assert "These are the last 30." in page
    assert (
        "<script> days"
        not in as_user(bob).get(URL, {"when": "<script>"}).content.decode()
    )


def test_the_day_is_the_one_on_the_managers_calendar(
    as_user: AsUser, bob: User, alice: User, portal_channel: Channel
) -> None:
    User.objects.filter(pk=bob.pk).update(time_zone="Pacific/Kiritimati")  # UTC+14
    Tally.objects.create(
        hour=datetime.fromisoformat("2026-03-01T11:00:00+00:00"),
        team=bob.team,
        sender=alice,
        channel=portal_channel,
        kind=Kind.ACCEPTED,
        number=1,
    )
    import time_machine  # noqa: PLC0415 - only here

    with time_machine.travel("2026-03-02T12:00:00+00:00", tick=False):
        client = as_user(bob)
        (bar,) = client.get(URL).context["pictures"][0].rows
    assert bar.day.isoformat() == "2026-03-02"


def test_the_top_domains_are_those_with_the_most_failures(
    as_user: AsUser, bob: User, alice: User, make_delivery: MakeDelivery
) -> None:
    for number in range(3):
        make_delivery(alice, f"p{number}@big.test", state=State.BOUNCED)
    make_delivery(alice, "p@small.test", state=State.FAILED)
    make_delivery(alice, "p@fine.test", state=State.ACCEPTED)
    make_delivery(
        alice,
        "p@long-ago.test",
        state=State.FAILED,
        state_since=now() - timedelta(days=40),
    )
    found = as_user(bob).get(URL).context["domains"]
    assert [(each.name, each.number) for each in found] == [
        ("big.test", 3),
        ("small.test", 1),
    ]


def test_an_international_domain_reads_as_people_write_it_and_leads_to_its_failures(
    as_user: AsUser, bob: User, alice: User, make_delivery: MakeDelivery
) -> None:
    failed = make_delivery(
        alice, "p@bücher.test", state=State.BOUNCED, reason="spam_policy"
    )
    Delivery.objects.filter(pk=failed.pk).update(
        recipient_wire="p@xn--bcher-kva.test"  # as composing has it
    )
    client = as_user(bob)
    answer = client.get(URL)
    [domain] = answer.context["domains"]
    assert domain.name == "bücher.test"
    assert "p@bücher.test" in client.get(domain.url).content.decode()
    assert "Blocked by policy at bücher.test" in answer.content.decode()


def test_a_member_out_of_their_normal_is_named(
    as_user: AsUser, bob: User, alice: User, portal_channel: Channel
) -> None:
    for sender, failed in ((alice, 30), (bob, 1)):
        tallied(sender, Kind.ACCEPTED, 70, channel=portal_channel)
        tallied(sender, Kind.FAILED, failed, channel=portal_channel)
        tallied(sender, Kind.ACCEPTED, 490, days_ago=20, channel=portal_channel)
        tallied(sender, Kind.FAILED, 10, days_ago=20, channel=portal_channel)
    response = as_user(bob).get(URL)
    assert [each.name for each in response.context["standing_out"]] == [alice.name]
    page = html(response)
    assert "30 failures in 100 mails, 30.0 %. Usual for Alice Acme: 2.0 %." in page
    assert "more than 3 standard deviations" in page


def test_alerts_stand_here_too(as_user: AsUser, bob: User) -> None:
    Alert.objects.create(
        team=bob.team,
        reason="sender_blocked",
        remote="bigco.test",
        since=now(),
        latest=now(),
    )
    assert "bigco.test" in html(as_user(bob).get(URL))


def test_an_empty_overview_teaches(as_user: AsUser, bob: User) -> None:
    page = html(as_user(bob).get(URL))
    assert "No mail in these 30 days" in page
    assert "No failure is undecided." in page
    assert "Nobody’s mail fails more often than it usually does." in page


def test_mail_of_the_last_seconds_is_said_to_be_counted(
    as_user: AsUser,
    bob: User,
    charlie: User,
    alice: User,
    make_delivery: MakeDelivery,
    portal_channel: Channel,
) -> None:
    accepted = make_delivery(alice, state=State.ACCEPTED)
    event = DeliveryEvent.objects.create(delivery=accepted, kind=Kind.ACCEPTED)
    assert "Being counted" in html(as_user(bob).get(URL))
    assert "No mail in these 30 days" in html(as_user(charlie).get(URL))
    as_if_followed = {"HX-Request": "true", "HX-Boosted": "true"}
    page = html(as_user(bob).get(URL, headers=as_if_followed))
    assert 'id="pictures"' in page
    TallyMark.objects.create(table=event._meta.db_table, counted_to=event.pk)
    assert "No mail in these 30 days" in html(as_user(bob).get(URL))
    tallied(alice, Kind.ACCEPTED, 1, channel=portal_channel)
    page = html(as_user(bob).get(URL))
    assert "Being counted" not in page
    assert 'id="pictures"' in page


def test_what_no_channel_reports_is_not_read_as_arrived(
    as_user: AsUser, bob: User, sent: None
) -> None:
    page = html(as_user(bob).get(URL))
    assert "land in that mailbox and are not counted here." in page


def test_a_member_is_refused(as_user: AsUser, alice: User) -> None:
    assert as_user(alice).get(URL).status_code == 403


def test_only_managers_are_offered_it(as_user: AsUser, alice: User, bob: User) -> None:
    assert URL not in html(as_user(alice).get("/conversations/sent/"))
    assert URL in html(as_user(bob).get("/conversations/sent/"))


def test_another_teams_manager_sees_nothing_of_it(
    as_user: AsUser,
    charlie: User,
    alice: User,
    sent: None,
    make_delivery: MakeDelivery,
) -> None:
    make_delivery(alice, "anna@secret.test", state=State.FAILED)
    response = as_user(charlie).get(URL)
    assert not response.context["anything"]
    assert "secret.test" not in html(response)
    assert alice.name not in html(response)


def test_a_stranger_is_led_to_the_sign_in(client: Client, db: None) -> None:
    assert client.get(URL).status_code == 302


def test_nothing_is_posted_here(as_user: AsUser, bob: User) -> None:
    assert as_user(bob).post(URL).status_code == 405


def test_the_number_of_queries_is_constant(
    as_user: AsUser,
    alice: User,
    bob: User,
    sent: None,
    make_delivery: MakeDelivery,
    portal_channel: Channel,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    client = as_user(bob)
    make_delivery(alice, state=State.FAILED, reason="channel_down")
    CauseTally.objects.fold()
    with CaptureQueriesContext(connection) as few:
        client.get(URL)
    for number in range(12):
        make_delivery(
            alice,
            f"p{number}@d{number % 3}.test",
            state=State.FAILED,
            reason="spam_policy",
        )
        tallied(bob, Kind.FAILED, 5, days_ago=number + 5, channel=portal_channel)
    CauseTally.objects.fold()
    with django_assert_num_queries(len(few)):
        client.get(URL, {"when": 90})
    assert len(few) <= 14
