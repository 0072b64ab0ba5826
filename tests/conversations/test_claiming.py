"""What the database reads for a lane's next batch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from channels.models import Channel
from conversations.models import Delivery
from conversations.models.next_due import due_ids
from conversations.models.state import State
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="the plan is PostgreSQL's"
)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def test_claiming_reads_in_order_and_never_what_is_not_due(
    alice: User, portal_channel: Channel, make_delivery: MakeDelivery
) -> None:
    due, later = now() - timedelta(hours=1), now() + timedelta(days=1)
    first = make_delivery(alice, not_before=due)
    Delivery.objects.bulk_create(
        Delivery(
            message=first.message,
            recipient=f"p{number}@customer.test",
            recipient_wire=f"p{number}@customer.test",
            channel=portal_channel,
            sender=alice,
            team=alice.team,
            state=State.QUEUED if number % 3 else State.ACCEPTED,
            not_before=due if number % 3 == 1 else later,
        )
        for number in range(3000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE conversations_delivery")
    with connection.cursor() as cursor:
        cursor.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {due_ids()}",
            [portal_channel.pk, alice.pk, now(), 50],
        )
        [(found,)] = cursor.fetchall()
    (whole,) = found if isinstance(found, list) else json.loads(found)
    plan = list(nodes(whole["Plan"]))
    assert [node.get("Index Name") for node in plan][-1] == "conv_delivery_due"
    assert not any("Sort" in node["Node Type"] for node in plan)
    assert all(node.get("Rows Removed by Filter", 0) == 0 for node in plan)
    assert max(node["Actual Rows"] for node in plan) == 50
