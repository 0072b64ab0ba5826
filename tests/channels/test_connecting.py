from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils.timezone import now

from channels.allowance import OF_THE_PROVIDER, hold
from channels.connecting import connected
from channels.models import Allowance, Channel, ChannelChoice
from channels.pausing import mended, pause
from deliveryportal.accounts.models import User


@pytest.fixture
def heard() -> Iterator[list[Channel]]:
    """The channels that were said to be mended."""
    channels: list[Channel] = []

    def hear(channel: Channel, **kwargs: object) -> None:
        channels.append(channel)

    mended.connect(hear)
    yield channels
    mended.disconnect(hear)


def test_the_first_channel_of_ones_own_becomes_the_choice(alice: User) -> None:
    channel = Channel.objects.create(kind="gmail", owner=alice)
    connected(channel, by=alice)
    assert ChannelChoice.objects.get(user=alice).channel == channel


def test_another_channel_changes_no_choice(alice: User) -> None:
    first = Channel.objects.create(kind="gmail", owner=alice)
    connected(first, by=alice)
    connected(Channel.objects.create(kind="smtp", owner=alice), by=alice)
    assert ChannelChoice.objects.get(user=alice).channel == first


def test_the_teams_channel_is_no_choice_of_the_manager_who_keeps_it(bob: User) -> None:
    connected(Channel.objects.create(kind="smtp", team=bob.team), by=bob)
    assert not ChannelChoice.objects.exists()


def test_connecting_a_paused_channel_again_lets_its_mail_go_on(
    alice: User, heard: list[Channel]
) -> None:
    channel = Channel.objects.create(kind="gmail", owner=alice)
    pause(channel, "The permission was taken back.")
    connected(channel, by=alice)
    channel.refresh_from_db()
    assert channel.health == Channel.Health.WORKING
    assert (channel.paused_because, channel.paused_at) == ("", None)
    assert heard == [channel]


def test_connecting_a_channel_that_was_only_down_lets_its_mail_go_on_too(
    alice: User, heard: list[Channel]
) -> None:
    channel = Channel.objects.create(kind="gmail", owner=alice)
    connected(channel, by=alice)
    assert heard == [channel]


@pytest.mark.parametrize(
    ("because", "rests"),
    [(OF_THE_PROVIDER, False), ("the limit of 25 messages every 45 seconds", True)],
)
def test_what_a_provider_asked_for_ends_when_a_channel_is_connected(
    alice: User, because: str, rests: bool
) -> None:
    """It may be another account. A limit of ours holds for that one, too."""
    channel = Channel.objects.create(kind="gmail", owner=alice)
    hold(channel, alice.pk, now() + timedelta(hours=20), because)
    connected(channel, by=alice)
    assert Allowance.objects.get().rests(now()) is rests
