from __future__ import annotations

import dramatiq
import pytest

from conversations.bounces import receiving
from conversations.bounces.receiving import (
    announce_report,
    receive_report,
    token_is_known,
)
from conversations.models import Delivery, Report
from conversations.tasks import read_report


def test_only_the_return_path_of_a_delivery_is_known(delivery: Delivery) -> None:
    assert token_is_known(delivery.return_token)
    assert not token_is_known("0" * 32)
    delivery.message.delete()
    assert not token_is_known(delivery.return_token)


def test_a_report_is_kept_octet_by_octet(delivery: Delivery) -> None:
    raw = bytes(range(256)) * 3
    report = receive_report(delivery.return_token, raw, "pipe")
    report.refresh_from_db()
    assert bytes(report.raw) == raw
    assert (report.source, report.state) == ("pipe", Report.State.UNREAD)


def test_what_comes_again_is_there_already(delivery: Delivery) -> None:
    first = receive_report(delivery.return_token, b"x", "smtp")
    again = receive_report(delivery.return_token, b"x", "lmtp")
    other = receive_report(delivery.return_token, b"y", "smtp")
    assert first == again != other
    assert Report.objects.count() == 2


def test_it_is_announced_to_the_workers(delivery: Delivery) -> None:
    broker = dramatiq.get_broker()
    broker.flush_all()
    report = receive_report(delivery.return_token, b"x", "smtp")
    announce_report(report)
    queued = next(broker.consume("reports", timeout=1000))
    assert queued is not None
    assert queued.args == (report.pk,)


def test_a_queue_that_is_away_loses_nothing(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(read_report.broker, "enqueue", away)
    report = receive_report(delivery.return_token, b"x", "smtp")
    receiving.announce_report(report)
    assert Report.objects.get(state=Report.State.UNREAD) == report
