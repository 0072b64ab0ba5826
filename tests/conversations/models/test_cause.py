from __future__ import annotations

from collections.abc import Callable

import pytest

from conversations.bounces.reasons import REASONS
from conversations.models import Delivery
from conversations.models.state import State
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("", None),
        ("address_unknown", "address_unknown"),
        ("mailbox_full", "mailbox_full"),
        ("spam_policy", "spam_policy:bigco.com"),
        ("domain_unknown", "domain_unknown:bigco.com"),
        ("channel_down", "channel_down:{channel}"),
    ],
)
def test_a_cause_is_a_reason_and_what_it_speaks_of(
    alice: User, make_delivery: MakeDelivery, reason: str, cause: str | None
) -> None:
    made = make_delivery(alice, "anna@BigCo.com", state=State.FAILED)
    Delivery.objects.filter(pk=made.pk).update(reason=reason)
    made.refresh_from_db()
    assert made.cause == (cause and cause.format(channel=made.channel_id))


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_cause(
    alice: User, make_delivery: MakeDelivery, reason: str
) -> None:
    made = make_delivery(alice, state=State.FAILED, reason=reason)
    made.refresh_from_db()
    assert (made.cause or "").partition(":")[0] == reason


def test_only_failures_that_nobody_has_decided_about_are_unresolved(
    alice: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice, state=State.ACCEPTED)
    make_delivery(alice, state=State.FAILED, triage=Delivery.Triage.LOST)
    opened = make_delivery(alice, state=State.BOUNCED)
    assert list(Delivery.objects.unresolved()) == [opened]
