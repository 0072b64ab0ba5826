from __future__ import annotations

from collections.abc import Callable

import pytest

from conversations.models import Delivery
from conversations.models.state import State
from conversations.triage.actions import ACTIONS
from conversations.triage.carrying_out import carry_out
from conversations.triage.order import Order
from deliveryportal.accounts.models import User

Do = Callable[..., str]


@pytest.fixture
def fail(make_delivery: Callable[..., Delivery]) -> Callable[..., Delivery]:
    """A failure for some reason."""

    def make(
        sender: User,
        recipient: str = "anna@customer.test",
        reason: str = "mailbox_full",
        state: State = State.FAILED,
        **fields: object,
    ) -> Delivery:
        return make_delivery(sender, recipient, reason=reason, state=state, **fields)

    return make


@pytest.fixture
def do() -> Do:
    """Carry an action out on one delivery; return why it was not, or nothing."""

    def one(key: str, delivery: Delivery, by: User, **options: object) -> str:
        skipped = carry_out(ACTIONS[key], [delivery.pk], Order(by, options))
        return skipped.get(delivery.pk, "")

    return one
