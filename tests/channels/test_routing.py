from __future__ import annotations

import pytest

from channels import routing
from channels.models import Channel, EmailIdentity
from channels.routing import ALWAYS, channel_to_try, forget_choice
from deliveryportal.accounts.models import User


@pytest.fixture(autouse=True)
def nothing_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "_seen", {})


def identity_of(user: User) -> EmailIdentity:
    return EmailIdentity.objects.select_related("owner").get(owner=user)


def test_what_was_looked_up_last_is_tried_under_a_condition_until_it_is_forgotten(
    alice: User,
) -> None:
    portal, identity = Channel.objects.default(), identity_of(alice)
    assert channel_to_try(identity) == (portal, ALWAYS)
    channel, (condition, parameters) = channel_to_try(identity)
    assert (channel, condition == ALWAYS[0]) == (portal, False)
    assert parameters["seen"] == f"{{{portal.pk}}}"
    forget_choice(identity)
    assert channel_to_try(identity) == (portal, ALWAYS)


def test_no_more_is_kept_in_memory_than_helps(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "MOST_SEEN", 1)
    portal = Channel.objects.default()
    for user in (alice, bob, alice):
        assert channel_to_try(identity_of(user)) == (portal, ALWAYS)
    assert len(routing._seen) == 1
