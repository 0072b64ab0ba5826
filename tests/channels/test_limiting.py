from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from channels.limiting import limit, use_default
from channels.models import Allowance, Channel, SendingLimit, pace_of
from channels.transports import Pace
from deliveryportal.accounts.models import User

FEW = Pace(messages=3, seconds=60, per_day=10)


@pytest.fixture
def server(alice: User) -> Channel:
    return Channel.objects.create(kind="smtp", owner=alice)


def hold(channel: Channel, sender: User) -> Allowance:
    return Allowance.objects.create(
        channel=channel,
        sender=sender,
        held_until=now() + timedelta(hours=20),
        held_because="the limit of 10 messages a day",
    )


def test_a_limit_holds_for_the_team_by_every_channel_of_the_kind(
    alice: User, bob: User, charlie: User, server: Channel
) -> None:
    limit("smtp", FEW, by=bob)
    assert pace_of(server, alice.team_id) == FEW
    assert pace_of(Channel(kind="smtp"), bob.team_id) == FEW
    assert pace_of(Channel(kind="smtp"), charlie.team_id) != FEW
    assert pace_of(Channel(kind="portal"), bob.team_id) == Pace()


def test_limiting_again_replaces_the_limit(bob: User) -> None:
    limit("smtp", FEW, by=bob)
    limit("smtp", Pace(), by=bob)
    assert SendingLimit.objects.get().pace == Pace()


def test_the_default_can_be_had_back(alice: User, bob: User, server: Channel) -> None:
    limit("smtp", FEW, by=bob)
    use_default("smtp", by=bob)
    assert pace_of(server, alice.team_id) == server.traits.pace


def test_what_waits_for_the_old_limit_does_not_wait_for_it_any_more(
    alice: User, bob: User, charlie: User, server: Channel
) -> None:
    held, portal = hold(server, alice), Channel.objects.default()
    other_kind, other_team = hold(portal, alice), hold(portal, charlie)
    limit("smtp", Pace(messages=500), by=bob)
    assert not Allowance.objects.on_hold(now()).filter(pk=held.pk).exists()
    use_default("portal", by=bob)
    on_hold = Allowance.objects.on_hold(now())
    assert list(on_hold) == [other_team]
    assert other_kind not in on_hold


def test_no_limit_of_the_teams_lifts_the_providers_own(alice: User, bob: User) -> None:
    account = Channel(kind="gmail", owner=alice, config={"per_day": 2000})
    assert pace_of(account, bob.team_id).per_day == 2000
    limit("gmail", Pace(messages=100, seconds=60), by=bob)
    assert pace_of(account, bob.team_id) == Pace(messages=100, seconds=60, per_day=2000)
    limit("gmail", Pace(per_day=100_000), by=bob)
    assert pace_of(account, bob.team_id).per_day == 2000
    limit("gmail", Pace(per_day=300), by=bob)
    assert pace_of(account, bob.team_id).per_day == 300
