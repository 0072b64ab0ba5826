"""How much of the mail that waits is in memory: a letter may be as long as 10 MiB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries, Settings

from channels.database.prepared import prepared
from conversations.delivering import deliver_lane, look_ahead
from conversations.models import Delivery, Message
from conversations.models.hold import HeldBack
from conversations.models.next_due import READ_AHEAD, next_due
from conversations.models.state import State
from conversations.sending.letters import email_for
from deliveryportal.accounts.models import User
from tests.conversations.lanes import has_queued
from tests.peers.scripted_smtp import ScriptedSmtp

Make = Callable[..., Delivery]
PEOPLE = 12
LONG = "A line of a letter that is long.\n" * 2**15  # 1 MiB


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much text each look into a lane has read."""
    sizes: list[int] = []

    def count(*asked: Any) -> list[tuple[Any, ...]]:
        rows = prepared(*asked)
        texts = (value for row in rows for value in row if isinstance(value, str))
        sizes.append(sum(map(len, texts)))
        return rows

    monkeypatch.setattr("channels.database.reading.prepared", count)
    return sizes


@pytest.fixture
def relay(settings: Settings) -> Iterator[ScriptedSmtp]:
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        yield relay


def kept(deliveries: list[Delivery]) -> int:
    """How much of their letters they hold."""
    return sum(
        len(vars(each.message).get(name, ""))
        for each in deliveries
        for name in ("body", "body_html")
    )


@pytest.mark.parametrize("field", ["body", "body_html"])
def test_however_long_letters_are_looking_ahead_reads_little_of_them(
    alice: User, read: list[int], field: str
) -> None:
    lane = has_queued(alice, PEOPLE)
    Message.objects.update(**{field: LONG})
    found = next_due(*lane, now(), PEOPLE, HeldBack())
    assert len(found) == PEOPLE
    assert read == [pytest.approx(0, abs=PEOPLE * 1000)]
    assert kept(found) == 0


def test_what_has_been_put_together_is_not_kept(
    alice: User, portal_channel: Any, relay: ScriptedSmtp
) -> None:
    has_queued(alice, PEOPLE)
    Message.objects.update(body=LONG)
    batch = look_ahead(portal_channel, alice.pk)
    transport = portal_channel.open_transport()
    for each in batch.deliveries:
        assert len(email_for(each, transport).content) > len(LONG)
    assert kept(batch.deliveries) == 0


def test_a_long_letter_arrives_as_it_was_written(
    alice: User, make_delivery: Make, relay: ScriptedSmtp
) -> None:
    """Among short ones, which are read before."""
    short, long = make_delivery(alice), make_delivery(alice)
    Message.objects.filter(pk=long.message_id).update(body=LONG)
    deliver_lane(short.channel_id, alice.pk)
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.ACCEPTED}
    sizes = sorted(content.count(b"A line of a letter") for content in relay.messages)
    assert sizes == [0, 2**15]


@pytest.mark.parametrize("people", [1, PEOPLE])
def test_together_letters_read_ahead_have_no_more_than_their_share(
    alice: User, read: list[int], people: int
) -> None:
    lane = has_queued(alice, people)
    share = READ_AHEAD // people
    Message.objects.update(body="x" * (share - 100), body_html="y" * 100)
    assert kept(next_due(*lane, now(), people, HeldBack())) == people * share
    assert READ_AHEAD - people <= read[0] < READ_AHEAD + people * 1000
    Message.objects.update(body_html="y" * 101)
    assert kept(next_due(*lane, now(), people, HeldBack())) == 0


def test_an_ordinary_letter_is_not_asked_for_again(
    alice: User,
    portal_channel: Any,
    relay: ScriptedSmtp,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    lane = has_queued(alice, PEOPLE)
    transport = portal_channel.open_transport()
    found = next_due(*lane, now(), 200, HeldBack())
    for each in found:
        each.channel = portal_channel
    with django_assert_num_queries(0):
        for each in found:
            email_for(each, transport)
