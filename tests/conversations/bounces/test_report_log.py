"""A report is followed by its number, and its delivery's, from reception to settling."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from pythonjsonlogger.json import JsonFormatter

from conversations.bounces import recording
from conversations.bounces.receiver import BounceReceiver
from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import record_report
from conversations.models import Delivery, Report
from conversations.models.state import State
from tests.conversations.bounces.conftest import BOUNCE, bring, mail

Lines = Callable[[], list[tuple[str, dict[str, Any]]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """What has been logged: words, and the fields that JSON has of the ids."""
    caplog.set_level(logging.DEBUG, logger="conversations")

    def logged() -> list[tuple[str, dict[str, Any]]]:
        found = [json.loads(JsonFormatter().format(each)) for each in caplog.records]
        return [
            (each["message"], {name: each[name] for name in ("report", "delivery")})
            for each in found
        ]

    return logged


def test_each_step_names_the_report_and_its_delivery(
    receiver: BounceReceiver,
    delivery: Delivery,
    path: str,
    lines: Lines,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bring(receiver, path)
    report = Report.objects.get()
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.HANDING_OVER, lease="1:a", lease_until=now() + timedelta(minutes=1)
    )
    record_report(report.pk)
    Delivery.objects.filter(pk=delivery.pk).update(
        state=State.ACCEPTED, lease="", lease_until=None
    )
    record_report(report.pk)

    words, fields = zip(*lines(), strict=True)
    assert fields == ({"report": report.pk, "delivery": delivery.pk},) * 3
    assert words[0] == f"Report {report.pk} received, for delivery {delivery.pk}"
    assert words[1] == f"Report {report.pk} waits for its hand-over"
    assert words[2].startswith(f"Delivery {delivery.pk}: bounced")
    told = "".join(str(vars(each)) for each in caplog.records)
    assert delivery.return_token not in told
    assert BOUNCE.decode().splitlines()[0] not in told


def test_one_by_a_pipe_is_named_as_well_and_what_was_there_is_not_received_again(
    delivery: Delivery, lines: Lines
) -> None:
    for _ in range(2):
        report = receive_report(delivery.return_token, BOUNCE, "pipe")
    ((words, fields),) = lines()
    assert "received" in words
    assert fields == {"report": report.pk, "delivery": delivery.pk}


def test_one_about_no_delivery_says_so(db: None, lines: Lines) -> None:
    report = receive_report("", mail("unknown_user"), "lmtp")
    record_report(report.pk)
    (_, received), (words, read) = lines()
    assert words == f"Report {report.pk} is about no delivery"
    assert received == read == {"report": report.pk, "delivery": None}


def test_one_that_cannot_be_read_says_whose_it_is(
    delivery: Delivery, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(raw: bytes) -> None:
        raise ArithmeticError

    report = receive_report(delivery.return_token, BOUNCE, "smtp")
    monkeypatch.setattr(recording, "read_reports", stumble)
    record_report(report.pk)
    words, fields = lines()[-1]
    assert words == f"Report {report.pk} cannot be read"
    assert fields == {"report": report.pk, "delivery": delivery.pk}
