from __future__ import annotations

from collections.abc import Callable

import pytest

from channels.models import Channel
from channels.pausing import pause
from conversations.models import Delivery
from conversations.watching.held_up import held_up
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]


@pytest.fixture
def server(alice: User, bob: User, make_delivery: MakeDelivery) -> Channel:
    """The team's, with two mails of a member waiting and one of the manager."""
    for sender in (alice, alice, bob):
        make_delivery(sender)
    found = Channel.objects.create(
        kind="smtp", team=bob.team, config={"host": "smtp.acme.com"}
    )
    Delivery.objects.update(channel=found)
    return found


def test_nothing_is_held_up_while_its_channel_works(bob: User, server: Channel) -> None:
    assert held_up(bob) == []


def test_a_manager_is_told_of_the_teams_mail_or_of_a_members_alone(
    alice: User, bob: User, server: Channel
) -> None:
    pause(server, "535 no")
    assert [each.number for each in held_up(bob)] == [3]
    assert [each.number for each in held_up(bob, alice)] == [2]


def test_a_member_is_told_of_their_own_and_that_others_mend_it(
    alice: User, bob: User, server: Channel
) -> None:
    pause(server, "535 no")
    assert [(each.number, each.may_mend) for each in held_up(alice)] == [(2, False)]
    assert [each.may_mend for each in held_up(bob)] == [True]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("535 5.7.8 no", "Password of smtp.acme.com was refused"),
        ("Authentication required", "Password of smtp.acme.com was refused"),
        ("421 try later", "smtp.acme.com stopped working"),
    ],
)
def test_what_a_server_refused_is_known_by_its_words(
    bob: User, server: Channel, words: str, title: str
) -> None:
    pause(server, words)
    [found] = held_up(bob)
    assert (found.title, found.words) == (title, words)


def test_what_failed_is_not_held_up(bob: User, server: Channel) -> None:
    pause(server, "535 no")
    Delivery.objects.update(state="failed")
    assert held_up(bob) == []
