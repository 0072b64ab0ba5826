from __future__ import annotations

from collections.abc import Callable

import pytest

from conversations.models import Delivery
from conversations.models.state import Part, State
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
def also_to() -> Callable[..., Delivery]:
    """Another recipient of the same mail, for whom it failed as well."""

    def make(
        of: Delivery, recipient: str, part: Part = Part.CC, **fields: object
    ) -> Delivery:
        return Delivery.objects.create(
            message=of.message,
            recipient=recipient,
            recipient_wire=recipient,
            part=part,
            channel=of.channel,
            sender=of.sender,
            team=of.team,
            **{"state": State.FAILED, "reason": of.reason, **fields},
        )

    return make


@pytest.fixture
def do() -> Do:
    """Carry an action out on one delivery; return why it was not, or nothing."""

    def one(key: str, delivery: Delivery, by: User, **options: object) -> str:
        skipped = carry_out(ACTIONS[key], [delivery.pk], Order(by, options))
        return skipped.get(delivery.pk, "")

    return one
