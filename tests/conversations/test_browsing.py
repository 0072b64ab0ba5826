from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import QueryDict

from conversations.browsing import Browsing
from conversations.counting import Counting
from conversations.models import Delivery
from conversations.models.delivery import State, Triage
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]


def seen_by(user: User, query: str) -> tuple[int, int]:
    """How many match by the count, and how many stand on the page."""
    browsing = Browsing.of(user, "failed", QueryDict(query))
    assert browsing is not None
    counting = Counting()
    matching = browsing.count(counting)
    counting.count()
    return int(matching), len(browsing.page(50, matching).rows)


@pytest.mark.parametrize(
    ("query", "to_bob", "to_alice"),
    [
        ("triage=open", 3, 2),
        ("triage=waiting", 1, 1),
        ("list=bounced&triage=open", 1, 0),
        ("triage=open&q=customer", 3, 2),
        ("when=7", 4, 3),
        ("reason=mailbox_full", 4, 3),
    ],
)
def test_as_many_are_counted_as_are_shown_however_an_index_finds_them(
    alice: User,
    bob: User,
    charlie: User,
    make_delivery: MakeDelivery,
    query: str,
    to_bob: int,
    to_alice: int,
) -> None:
    for triage in (Triage.OPEN, Triage.OPEN, Triage.WAITING):
        make_delivery(alice, state=State.FAILED, triage=triage, reason="mailbox_full")
    make_delivery(bob, state=State.BOUNCED, reason="mailbox_full")
    make_delivery(charlie, state=State.FAILED, reason="mailbox_full")
    assert seen_by(bob, query) == (to_bob, to_bob)
    assert seen_by(alice, query) == (to_alice, to_alice)
