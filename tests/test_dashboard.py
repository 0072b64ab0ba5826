"""The operator's first page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import Settings

from channels.models import Channel
from channels.pausing import pause
from conversations.delivering import deliver_lane
from conversations.models import (
    Alert,
    Delivery,
    DeliveryEvent,
    Heartbeat,
    Hold,
    Report,
    Tally,
)
from conversations.models.state import IS_DOWN, State
from conversations.sweeping import ROLE
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD, person

MakeDelivery = Callable[..., Delivery]
URL = "/admin/"


@pytest.fixture
def operator(db: None, as_user: Callable[[User], Client]) -> Client:
    return as_user(User.objects.create_superuser("op@portal.test", PASSWORD))


def html(response: Any) -> str:
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def fact(context: Any, label: str) -> Any:
    (found,) = [
        each for each in [*context["facts"], *context["needs"]] if each.label == label
    ]
    return found


def test_an_admin_who_is_alone_is_told_to_invite_people(operator: Client) -> None:
    label = "People besides admins: invite the first to your team"
    assert fact(operator.get(URL).context, label).url == "/settings/team/"
    person("Alice")
    assert label not in html(operator.get(URL))


def test_a_swept_queue_without_old_mail_flows(operator: Client) -> None:
    Heartbeat.beat(ROLE)
    page = html(operator.get(URL))
    assert "Mail is flowing" in page
    assert "Nothing is put off, nothing is paused." in page


def test_without_a_sweeper_it_does_not(operator: Client) -> None:
    assert "Mail is not flowing as it should" in html(operator.get(URL))


def test_a_clock_that_is_wrong_needs_a_hand(operator: Client) -> None:
    Heartbeat.beat(ROLE, clock_ahead=timedelta(seconds=4))
    assert "clock is" not in html(operator.get(URL))
    Heartbeat.beat(ROLE, clock_ahead=timedelta(seconds=-90))
    label = "A machine’s clock is behind the database’s: leases go by it, set it right"
    found = fact(operator.get(URL).context, label)
    assert (found.value, found.tone) == ("90 s", "bad")
    assert "-90" in html(operator.get(found.url))


def test_while_everything_is_paused_it_does_not_flow(
    operator: Client, bob: User
) -> None:
    Heartbeat.beat(ROLE)
    part = Hold(scope=Hold.Scope.SENDER, sender=bob, because="x", placed_by=bob)
    part.save()
    response = operator.get(URL)
    assert "Mail is flowing" in html(response)
    assert fact(response.context, "Paused by an admin").value == "1 part"
    Hold.objects.create(scope=Hold.Scope.EVERYTHING, because="x", placed_by=bob)
    response = operator.get(URL)
    assert "Mail is not flowing as it should" in html(response)
    found = fact(response.context, "Paused by an admin")
    assert (found.value, found.tone) == ("everything", "bad")
    assert len(operator.get(found.url).context["cl"].result_list) == 2


def test_while_our_own_server_is_down_it_does_not_flow(
    operator: Client, alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    Heartbeat.beat(ROLE)
    settings.PORTAL_RELAY_URL = "smtp://127.0.0.1:1"
    delivery = make_delivery(alice)
    deliver_lane(delivery.channel_id, alice.pk)
    response = operator.get(URL)
    assert "Mail is not flowing as it should" in html(response)
    found = fact(response.context, "Put off: our mail server takes none")
    assert (found.value, found.tone) == ("1", "bad")
    assert len(operator.get(found.url).context["cl"].result_list) == 1


def test_a_server_of_somebodys_own_that_is_down_is_theirs_to_mend(
    operator: Client, alice: User, make_delivery: MakeDelivery
) -> None:
    Heartbeat.beat(ROLE)
    own = Channel.objects.create(kind="smtp", owner=alice)
    make_delivery(alice, waiting_for=f"{own} {IS_DOWN}")
    Delivery.objects.update(channel=own)
    assert "Mail is flowing" in html(operator.get(URL))


def test_mail_that_nobody_takes_up_is_told(
    operator: Client, alice: User, make_delivery: MakeDelivery
) -> None:
    Heartbeat.beat(ROLE)
    make_delivery(alice, not_before=now() - timedelta(minutes=11))
    response = operator.get(URL)
    assert not response.context["flowing"]
    due = fact(response.context, "Oldest mail that is due")
    assert (due.value, due.tone) == ("11\xa0minutes", "bad")
    assert operator.get(due.url).context["cl"].result_list[0].recipient


def test_each_channel_has_its_hours(
    operator: Client, alice: User, portal_channel: Channel
) -> None:
    hour = now().replace(minute=0, second=0, microsecond=0)
    for kind, number in (("accepted", 30), ("failed", 2), ("unconfirmed", 1)):
        Tally.objects.create(
            hour=hour,
            team=alice.team,
            sender=alice,
            channel=portal_channel,
            kind=DeliveryEvent.Kind(kind),
            number=number,
        )
    found = {each.label: each for each in operator.get(URL).context["channels"]}
    portal = found["Portal servers"]
    assert portal.last == "30 handed over, 2 failed, 0 bounced, 1 unconfirmed"
    assert len(portal.bars) == 24
    assert portal.bars[-1].number == portal.highest == 33
    assert found["Gmail"].highest == 0


def test_what_waits_says_why(
    operator: Client, alice: User, bob: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, waiting_for="<b>Greylisted by acme.test")
    Hold.objects.create(
        scope=Hold.Scope.SENDER, sender=alice, because="Ask her first", placed_by=bob
    )
    page = html(operator.get(URL))
    assert "1: &lt;b&gt;Greylisted by acme.test" in page
    assert "Paused: Alice Acme (Ask her first)" in page


def test_what_needs_a_hand_leads_to_its_list(
    operator: Client, alice: User, make_delivery: MakeDelivery
) -> None:
    channel = Channel.objects.create(kind="smtp", owner=alice)
    pause(channel, "535 no")
    Alert.objects.create(
        team=alice.team,
        reason="sender_blocked",
        remote="b.test",
        since=now(),
        latest=now(),
    )
    Report.objects.create(raw=b"x", digest="0", state=Report.State.UNREADABLE)
    waits = Report.objects.create(raw=b"y", digest="1", return_token="0" * 32)
    Report.objects.filter(pk=waits.pk).update(received_at=now() - timedelta(hours=1))
    make_delivery(
        alice,
        state=State.HANDING_OVER,
        lease="x",
        lease_until=now() - timedelta(hours=1),
    )
    needs = operator.get(URL).context["needs"]
    wanting = {each.label: each for each in needs if each.tone == "bad"}
    assert wanting.keys() >= {
        "Channels that stopped working",
        "Alerts: somebody refuses our mail",
        "Reports that no worker has read",
        "Reports that could not be read",
        "Leases that a worker left behind",
    }
    for each in wanting.values():
        assert len(operator.get(each.url).context["cl"].result_list) == 1, each.label


def test_the_number_of_queries_is_constant(
    operator: Client,
    alice: User,
    make_delivery: MakeDelivery,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    Hold.objects.create(scope=Hold.Scope.EVERYTHING, because="x", placed_by=alice)
    make_delivery(alice)
    operator.get(URL)
    with CaptureQueriesContext(connection) as few:
        operator.get(URL)
    for number in range(8):
        make_delivery(alice, waiting_for=f"Reason {number}")
        Hold.objects.create(
            scope=Hold.Scope.SENDER, sender=alice, because="x", placed_by=alice
        )
    with django_assert_num_queries(len(few)):
        operator.get(URL)


def test_a_member_is_led_to_the_operators_sign_in(
    alice: User, as_user: Callable[[User], Client]
) -> None:
    assert as_user(alice).get(URL).status_code == 302
