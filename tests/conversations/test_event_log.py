from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest
from django.utils.timezone import now
from pythonjsonlogger.json import JsonFormatter

from channels.return_path import return_path
from conversations.models import Delivery, DeliveryEvent
from conversations.models.event import Line
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
Kind = DeliveryEvent.Kind


def test_what_goes_wrong_with_a_delivery_is_logged_with_its_number(
    alice: User, make_delivery: MakeDelivery, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = make_delivery(alice, body="Our price is 12.")
    path = return_path(delivery.return_token, "bounce.portal.test")
    refused = Line(
        delivery.pk,
        Kind.FAILED,
        delivery.created_at,
        remote_words=f"550 no <{path}>\r\nforged line",
        code=550,
    )
    with caplog.at_level("INFO"):
        DeliveryEvent.objects.record([refused])
    (record,) = caplog.records
    assert (record.delivery, record.event, record.code) == (  # type: ignore[attr-defined]
        delivery.pk,
        "failed",
        550,
    )
    said = record.getMessage()
    assert f"Delivery {delivery.pk}: failed" in said
    assert "\n" not in said
    assert delivery.return_token not in said
    assert "price" not in said
    fields = json.loads(JsonFormatter().format(record))
    assert fields["delivery"] == delivery.pk


def test_what_goes_right_is_logged_for_whoever_asks(
    alice: User, make_delivery: MakeDelivery, caplog: pytest.LogCaptureFixture
) -> None:
    delivery = make_delivery(alice)
    line = Line(delivery.pk, Kind.ACCEPTED, now())
    with caplog.at_level(logging.INFO):
        DeliveryEvent.objects.record([line])
    assert caplog.records == []
    with caplog.at_level(logging.DEBUG, logger="conversations"):
        DeliveryEvent.objects.record([line])
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
