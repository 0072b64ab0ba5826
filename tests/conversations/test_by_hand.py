from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from conversations.delivering import Lease, claim, mark_handing_over
from conversations.models import Delivery, DeliveryEvent
from conversations.models.delivery import State
from conversations.models.event import Line
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
Kind = DeliveryEvent.Kind


def test_lines_are_written_as_bulk_create_writes_them(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery, at = make_delivery(alice), now()
    words = "550 'Grüße' \"%s\" \\ \n \N{PARTY POPPER}"
    line = Line(delivery.pk, Kind.FAILED, at, "ours", "mx.test", words, 550, "5.1.1", 2)
    DeliveryEvent.objects.record([line, Line(delivery.pk, Kind.QUEUED, at)])
    DeliveryEvent.objects.bulk_create(
        DeliveryEvent(**each._asdict())
        for each in (line, Line(delivery.pk, Kind.QUEUED, at))
    )
    by_hand, queued, peer, queued_peer = (
        tuple(getattr(event, name) for name in Line._fields)
        for event in delivery.events.order_by("pk")
    )
    assert by_hand == peer == tuple(line)
    assert queued == queued_peer


def test_a_hundred_lines_are_one_statement_and_none_is_no_statement(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    with CaptureQueriesContext(connection) as asked:
        DeliveryEvent.objects.record([Line(delivery.pk, Kind.QUEUED, now())] * 100)
        DeliveryEvent.objects.record([])
    assert len(asked.captured_queries) == 1
    assert delivery.events.count() == 100


@pytest.mark.parametrize(
    "change",
    [{"lease": "b" * 32}, {"state": State.HANDING_OVER}],
)
def test_only_what_is_still_as_expected_is_changed(
    alice: User, make_delivery: MakeDelivery, change: dict[str, object]
) -> None:
    for _ in range(3):
        delivery = make_delivery(alice)
    lease = Lease.new()
    batch = claim(delivery.channel, alice.pk, lease)
    taken = batch[1]
    Delivery.objects.filter(pk=taken.pk).update(**change)
    ours = mark_handing_over(batch, lease)
    assert {each.pk for each in ours} == {each.pk for each in batch} - {taken.pk}
    tries = dict(Delivery.objects.values_list("pk", "attempts"))
    assert tries == {each.pk: int(each.pk != taken.pk) for each in batch}


def test_a_field_that_was_not_read_is_read_when_asked_for(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    found = Delivery.objects.to_send().get()
    assert "created_at" in found.get_deferred_fields()
    assert found.created_at == delivery.created_at
    assert found == delivery
    assert found.message.subject == delivery.message.subject
    found.state = State.FAILED
    found.save(update_fields=["state"])
    assert Delivery.objects.get().state == State.FAILED
