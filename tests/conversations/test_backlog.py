from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils.timezone import now

from channels.backlog import backlog_of
from channels.limiting import limit
from channels.models import Channel
from channels.standing import standing_of
from channels.transports import Pace
from conversations.models import Delivery
from conversations.models.state import State
from deliveryportal.accounts.models import User
from tests.conversations.lanes import claim_due

MakeDelivery = Callable[..., Delivery]


def test_what_waits_for_the_channel_is_counted_for_its_sender(
    alice: User, bob: User, portal_channel: Channel, make_delivery: MakeDelivery
) -> None:
    first = make_delivery(alice, not_before=now() - timedelta(minutes=3))
    put_off = make_delivery(
        alice, not_before=now() + timedelta(hours=1), waiting_for="Gmail is full"
    )
    make_delivery(bob)
    make_delivery(alice, state=State.FAILED)
    backlog = backlog_of(portal_channel, alice)
    assert backlog.waiting == 2
    assert (backlog.first, backlog.last) == (first.not_before, put_off.not_before)


def test_what_is_scheduled_waits_for_its_time_not_for_the_channel(
    alice: User, portal_channel: Channel, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, not_before=now() + timedelta(days=3))
    assert backlog_of(portal_channel, alice).waiting == 0


def test_without_any_mail_there_is_no_backlog(
    alice: User, portal_channel: Channel
) -> None:
    backlog = backlog_of(portal_channel, alice)
    assert (backlog.waiting, backlog.first, backlog.failed) == (0, None, 0)


def test_what_failed_for_the_channels_fault_is_counted_with_it(
    alice: User, bob: User, portal_channel: Channel, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, state=State.FAILED, reason="channel_down")
    Channel.objects.update(connected_at=now())
    backlog = backlog_of(portal_channel, alice)
    assert backlog.failed == 1
    assert backlog.resend_url == f"/conversations/resend/{portal_channel.uuid}/"
    assert backlog_of(portal_channel, bob).failed == 1, "a manager sees the team's"


@pytest.mark.parametrize(("per_day", "sentence"), [(None, ""), (100, "3 of 100 used")])
def test_the_forecast_follows_from_what_waits_and_the_limit(
    alice: User,
    portal_channel: Channel,
    make_delivery: MakeDelivery,
    per_day: int | None,
    sentence: str,
) -> None:
    limit("portal", Pace(messages=3, seconds=600, per_day=per_day), by=alice)
    for number in range(10):
        make_delivery(alice, f"p{number}@customer.test")
    assert len(claim_due(portal_channel, alice.pk)) == 3
    standing = standing_of(portal_channel, alice)
    assert standing.backlog.waiting == 7
    assert standing.last_goes is not None
    wait = standing.last_goes - now()
    assert timedelta(minutes=29) < wait < timedelta(minutes=31)
    assert any(words.startswith("7 wait; the last of") for words in standing.words)
    assert any(words.startswith(sentence) for words in standing.words)
