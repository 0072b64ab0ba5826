"""Answers 421 and 451 let one recipient domain rest, and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from pytest_django import Settings

from channels.models import Channel
from conversations.delivering import deliver_lane
from conversations.models import Delivery, Hold
from conversations.models.state import State
from conversations.sending.slow_policy import RECOVERS_IN, RESTS
from deliveryportal.accounts.models import User
from tests.conversations.lanes import claim_due
from tests.peers.scripted_smtp import ScriptedSmtp

MakeDelivery = Callable[..., Delivery]


def busy(
    domain: str, answer: bytes = b"451 4.7.0 too busy"
) -> Callable[[bytes], bytes]:
    return lambda line: answer if f"@{domain}".encode() in line else b"250 2.1.5 ok"


def run(delivery: Delivery) -> bool:
    return deliver_lane(delivery.channel_id, delivery.sender_id)


def states(domain: str) -> list[str]:
    mail = Delivery.objects.filter(recipient_domain=domain)
    return list(mail.order_by("pk").values_list("state", flat=True))


@pytest.mark.parametrize("answer", [b"451 4.7.0 too busy", b"421 4.7.0 busy"])
def test_a_domain_that_is_busy_rests_and_the_others_do_not(
    alice: User, make_delivery: MakeDelivery, settings: Settings, answer: bytes
) -> None:
    settings.IN_HAND = 1
    for number in range(3):
        make_delivery(alice, f"p{number}@busy.test")
        make_delivery(alice, f"p{number}@open.test")
    with ScriptedSmtp(RCPT=busy("busy.test", answer)) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run(Delivery.objects.all()[0])
    assert states("open.test") == [State.ACCEPTED] * 3
    assert states("busy.test") == [State.QUEUED] * 3
    asked = [c for c in relay.commands if b"@busy.test" in c]
    assert len(asked) == 1, "the batch's other mail to it was released untried"
    assert Delivery.objects.filter(attempts=0).count() == 2
    hold = Hold.objects.get()
    assert (hold.scope, hold.domain, hold.times) == ("slowed", "busy.test", 1)


def test_what_waits_says_who_asked_and_until_when(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    as_user: Callable[[User], Client],
) -> None:
    with ScriptedSmtp(RCPT=busy("busy.test")) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run(make_delivery(alice, "p1@busy.test"))
    other = make_delivery(alice, "p2@busy.test")
    waiting = Delivery.objects.with_hold().get(pk=other.pk)
    until = Hold.objects.get().until
    assert waiting.wait == ("busy.test asked us to slow down", until)
    assert until is not None
    for page in (reverse("conversations:pending"), other.message.get_absolute_url()):
        text = as_user(alice).get(page).content.decode()
        assert "busy.test asked us to slow down" in text
        assert f"{until:%H:%M:%S}" in text


def test_greylisting_speaks_of_one_message_and_slows_no_domain(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    for number in range(2):
        make_delivery(alice, f"p{number}@busy.test")
    with ScriptedSmtp(RCPT=busy("busy.test", b"451 4.7.1 Greylisted")) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run(Delivery.objects.all()[0])
    assert not Hold.objects.exists()
    assert Delivery.objects.filter(attempts=1).count() == 2


def test_trouble_of_the_next_server_itself_slows_no_recipients_domain(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice, "p1@open.test")
    with ScriptedSmtp(content=b"451 4.3.0 Error: queue file write error") as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run(delivery)
    assert not Hold.objects.exists()
    delivery.refresh_from_db()
    assert delivery.waiting_for == "Portal servers asked us to try again later"


def test_the_other_channels_mail_to_the_domain_goes_on(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    with ScriptedSmtp(RCPT=busy("busy.test")) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run(make_delivery(alice, "p1@busy.test"))
    own = Channel.objects.create(kind="smtp", owner=alice)
    mine = make_delivery(alice, "p2@busy.test")
    Delivery.objects.filter(pk=mine.pk).update(channel=own)
    assert claim_due(own, alice.pk) == [mine]


def test_the_rest_grows_while_it_asks_again_and_shrinks_in_quiet(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    delivery = make_delivery(alice, "p1@busy.test")

    def ask_again() -> Hold:
        Delivery.objects.update(not_before=now(), tried_since=now())
        run(delivery)
        return Hold.objects.get()

    with ScriptedSmtp(RCPT=busy("busy.test")) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        for times in (1, 2, 3):
            hold = ask_again()
            assert hold.times == times
            assert hold.until is not None
            assert hold.until - now() > RESTS[times - 1] - timedelta(seconds=2)
            Hold.objects.update(until=now())
        with time_machine.travel(now() + 2 * RECOVERS_IN + timedelta(seconds=1)):
            assert ask_again().times == 2


def test_answers_that_were_under_way_together_count_once(
    alice: User, make_delivery: MakeDelivery, settings: Settings
) -> None:
    settings.IN_HAND = 4
    for number in range(4):
        make_delivery(alice, f"p{number}@busy.test")
    with ScriptedSmtp(RCPT=busy("busy.test")) as relay:
        settings.PORTAL_RELAY_URL = relay.url
        run(Delivery.objects.all()[0])
    assert Hold.objects.get().times == 1
