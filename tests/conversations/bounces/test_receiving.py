from __future__ import annotations

import dramatiq
import pytest
from django.db import connection
from django.db.models.expressions import RawSQL
from django.test.utils import CaptureQueriesContext

from conversations.bounces import receiving
from conversations.bounces.digest import digest_of
from conversations.bounces.keeping import Row
from conversations.bounces.receiving import (
    Arrival,
    announce_reports,
    receive,
    receive_report,
    token_is_known,
)
from conversations.models import Delivery, Report
from conversations.tasks import read_reports


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
    announce_reports([report.pk])
    queued = next(broker.consume("reports", timeout=1000))
    assert queued is not None
    assert queued.args == (report.pk,)


def test_a_queue_that_is_away_loses_nothing(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(read_reports.broker, "enqueue", away)
    report = receive_report(delivery.return_token, b"x", "smtp")
    announce_reports([report.pk])
    assert Report.objects.get(state=Report.State.UNREAD) == report


def arrival(token: str, raw: bytes) -> Arrival:
    return Arrival((token,), raw, "smtp")


@pytest.mark.django_db(transaction=True)
def test_those_that_come_together_are_kept_by_one_commit(delivery: Delivery) -> None:
    arrivals = [arrival(delivery.return_token, b"%d" % n) for n in range(50)]
    with CaptureQueriesContext(connection) as queries:
        receive([*arrivals, arrivals[0]])
    assert len(queries) <= 1  # to PostgreSQL it goes past Django
    if connection.vendor == "postgresql":
        by = Report.objects.annotate(by=RawSQL("xmin::text", ()))
        assert len(set(by.values_list("by", flat=True))) == 1
    assert Report.objects.count() == 50
    report = Report.objects.get(digest=digest_of(b"7"))
    assert bytes(report.raw) == b"7"
    assert report.source == "smtp"
    # Whatever the model's defaults are, they stand in a row that was inserted so.
    fresh = Report(return_token="x")
    for field in Report._meta.local_concrete_fields:
        if field.attname not in Row._fields and not field.primary_key:
            assert getattr(report, field.attname) == getattr(fresh, field.attname)


@pytest.mark.django_db(transaction=True)
def test_new_reports_are_told_from_those_that_are_there(delivery: Delivery) -> None:
    there, new = (arrival(delivery.return_token, raw) for raw in (b"there", b"new"))
    ((first,),) = receive([there])  # type: ignore[misc]
    (again, (second,), same) = receive([there, new, new])  # type: ignore[misc]
    assert (again, same) == ([], [])
    assert {first, second} == set(Report.objects.values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_mail_to_several_return_paths_is_a_report_of_each(
    delivery: Delivery,
) -> None:
    tokens = ("a" * 32, "b" * 32)
    ((one, other),) = receive([Arrival(tokens, b"x", "lmtp")])  # type: ignore[misc]
    assert [Report.objects.get(pk=pk).return_token for pk in (one, other)] == [*tokens]


@pytest.mark.django_db(transaction=True)
def test_one_that_cannot_be_kept_takes_nobody_with_it(delivery: Delivery) -> None:
    good = [arrival(delivery.return_token, b"%d" % n) for n in range(4)]
    bad = arrival("\0" if connection.vendor == "postgresql" else None, b"bad")  # type: ignore[arg-type]
    answers = receive([*good[:2], bad, *good[2:]])
    assert [isinstance(answer, Exception) for answer in answers] == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert Report.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_big_ones_are_committed_in_several_goes(
    delivery: Delivery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "OCTETS_AT_ONCE", 1000)
    token = delivery.return_token
    sizes = [400, 400, 400, 5000, 1, 1]
    answers = receive([arrival(token, b"%d" % n * s) for n, s in enumerate(sizes)])
    assert len(answers) == 6
    assert Report.objects.count() == 6


def test_those_that_came_together_are_announced_by_one_message(
    delivery: Delivery,
) -> None:
    broker = dramatiq.get_broker()
    broker.flush_all()
    announce_reports([])
    announce_reports([7, 9])
    queued = next(broker.consume("reports", timeout=1000))
    assert queued is not None
    assert queued.args == (7, 9)
