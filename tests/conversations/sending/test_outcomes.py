from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils.timezone import now

from channels.models import Channel
from channels.transports import TransportError, Verdict
from conversations.models import Delivery
from conversations.models.state import State
from conversations.sending.outcomes import not_accepted
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]


@pytest.fixture
def by_own_server(alice: User, make_delivery: MakeDelivery) -> Delivery:
    delivery = make_delivery(alice)
    delivery.channel = Channel.objects.create(kind="smtp", owner=alice)
    return delivery


def refusal(words: str, *, stage: str, code: int = 550) -> TransportError:
    return TransportError(words, Verdict.REFUSED, code=code, stage=stage)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refusal("5.7.1 not you", stage="sender"), "sender_refused"),
        (refusal("go away", stage="sender"), "sender_refused"),
        (
            refusal("5.7.1 rejected: not owned by user x", stage="recipient"),
            "sender_refused",
        ),
        (
            refusal(
                "5.2.252 SendAsDenied; a not allowed to send as b", stage="content"
            ),
            "sender_refused",
        ),
        (refusal("5.3.4 message size exceeds", stage="sender"), "message_too_big"),
        (refusal("5.1.1 no such user", stage="recipient"), "address_unknown"),
    ],
)
def test_a_refused_sender_is_told_from_a_refused_recipient(
    by_own_server: Delivery, error: TransportError, reason: str
) -> None:
    outcome = not_accepted(by_own_server, error, now())
    assert outcome.changes["state"] == State.FAILED
    assert outcome.changes["reason"] == reason
    told = "does not let you send as alice@acme.test" in outcome.event.note
    assert told == (reason == "sender_refused")


def test_the_portals_own_envelope_is_not_the_persons_address(
    alice: User, make_delivery: MakeDelivery
) -> None:
    outcome = not_accepted(
        make_delivery(alice), refusal("relay access denied", stage="sender"), now()
    )
    assert outcome.changes["reason"] == "sender_setup"
    assert outcome.event.note == ""


def test_mail_waits_for_a_broken_channel_however_long_it_takes(
    by_own_server: Delivery,
) -> None:
    by_own_server.created_at = now() - timedelta(days=3)
    error = TransportError("wrong password", Verdict.CHANNEL_BROKEN, code=535)
    outcome = not_accepted(by_own_server, error, now())
    assert outcome.changes["state"] == State.QUEUED
    assert outcome.channel_trouble


def test_it_is_said_who_asked_to_come_again(by_own_server: Delivery) -> None:
    for stage, who in (
        ("sender", "Custom SMTP server"),
        ("recipient", "customer.test"),
    ):
        error = TransportError("later", Verdict.NOT_NOW, code=450, stage=stage)
        outcome = not_accepted(by_own_server, error, now())
        waits_for = outcome.changes["waiting_for"]
        assert waits_for == f"{who} asked us to try again later"


@pytest.mark.parametrize(
    ("code", "state"), [(429, State.QUEUED), (421, State.FAILED)], ids=["API", "SMTP"]
)
def test_only_a_limit_is_waited_for_however_long(
    alice: User, make_delivery: MakeDelivery, code: int, state: State
) -> None:
    delivery = make_delivery(alice, tried_since=now() - timedelta(days=3))
    wait = timedelta(minutes=5)
    error = TransportError("later", Verdict.CHANNEL_DOWN, code=code, wait=wait)
    assert not_accepted(delivery, error, now()).changes["state"] == state
