"""Whoever comes first has it: the writer who takes it back, or the worker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest
from django.db import connection
from django.utils.timezone import now

from channels.models import Channel
from conversations.models import Delivery, Draft, Message
from conversations.models.state import State
from conversations.writing.taking_back import TakenBack, take_back
from deliveryportal.accounts.models import User
from tests.conversations.lanes import claim_due

Make = Callable[..., Delivery]
ROUNDS = 12


def at_once(*works: Callable[[], object]) -> list[object]:
    """Do all of it at the same moment, each on a connection of its own."""
    begin = Barrier(len(works))

    def work(do: Callable[[], object]) -> object:
        try:
            connection.ensure_connection()
            begin.wait(timeout=30)
            return do()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(work, works))


@pytest.mark.django_db(transaction=True)
def test_of_taking_back_and_claiming_exactly_one_wins(
    alice: User, make_delivery: Make
) -> None:
    channel = Channel.objects.default()
    for _ in range(ROUNDS):
        delivery = make_delivery(alice)
        taken, claimed = at_once(
            partial(take_back, delivery.message),
            partial(claim_due, channel, alice.pk),
        )
        assert isinstance(taken, TakenBack)
        assert isinstance(claimed, list)
        left = Delivery.objects.filter(pk=delivery.pk)
        if taken.number:
            assert claimed == []
            assert not left.exists()
            assert len(taken.drafts) == 1
        else:
            assert claimed == [delivery]
            assert left.get().state == State.HANDING_OVER
            assert taken.drafts == []
        Message.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_two_who_take_it_back_at_once_make_one_draft(
    alice: User, make_delivery: Make
) -> None:
    for number in range(1, 5):
        message = make_delivery(alice).message
        results = at_once(partial(take_back, message), partial(take_back, message))
        assert sorted(each.number for each in results) == [0, 1]  # type: ignore[attr-defined]
        assert not any(each.left for each in results)  # type: ignore[attr-defined]
        assert Draft.objects.count() == number


def test_what_is_scheduled_and_taken_back_is_never_claimed(
    alice: User, make_delivery: Make
) -> None:
    delivery = make_delivery(alice, not_before=now() + timedelta(hours=1))
    assert take_back(delivery.message).number == 1
    Delivery.objects.update(not_before=now())
    assert claim_due(Channel.objects.default(), alice.pk) == []
