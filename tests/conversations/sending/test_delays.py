from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from django.utils.timezone import now

from conversations.bounces.receiving import receive_report
from conversations.bounces.recording import record_report
from conversations.models import Delivery, DeliveryEvent
from conversations.models.state import State
from conversations.sending.delays import (
    COMMON,
    LAST_LOOK,
    LONGEST,
    end_delays,
    tried_until,
)
from conversations.sweeping import sweep
from deliveryportal.accounts.models import User
from tests.conversations.bounces.conftest import mail

AT = datetime(2026, 3, 2, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "until"),
    [
        (AT + timedelta(days=2), AT + timedelta(days=2)),
        (None, AT + COMMON),
        (datetime.max.replace(tzinfo=UTC), AT + LONGEST),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=23))), AT),
    ],
    ids=["told", "not told", "told beyond reason", "over when it was told"],
)
def test_news_are_expected_until_their_server_gives_up(
    told: datetime | None, until: datetime
) -> None:
    assert tried_until(told, AT) == until + LAST_LOOK


@pytest.fixture
def delayed(alice: User, make_delivery: Callable[..., Delivery]) -> Delivery:
    return make_delivery(
        alice, state=State.DELAYED, accepted_at=AT, tried_until=now(), remote_words="x"
    )


def test_without_news_it_counts_as_delivered_after_that(delayed: Delivery) -> None:
    sweep()
    delayed.refresh_from_db()
    assert (delayed.state, delayed.tried_until) == (State.ACCEPTED, None)
    assert delayed.accepted_at == AT
    event = delayed.events.get()
    assert event.kind == DeliveryEvent.Kind.DELAY_OVER
    assert "most likely delivered" in event.note


def test_until_then_it_is_delayed(delayed: Delivery) -> None:
    assert end_delays(now() - timedelta(minutes=1)) == 0
    delayed.refresh_from_db()
    assert delayed.state == State.DELAYED


def test_a_bounce_after_that_still_counts(delayed: Delivery) -> None:
    end_delays(now())
    report = receive_report(delayed.return_token, mail("unknown_user"), "smtp")
    record_report(report.pk)
    delayed.refresh_from_db()
    assert delayed.state == State.BOUNCED


def test_the_report_itself_says_how_long_they_try(
    alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    delivery = make_delivery(alice, state=State.ACCEPTED, accepted_at=AT)
    told = now().replace(microsecond=0) + timedelta(days=3)
    date = format_datetime(told).encode()
    raw = mail("still_trying").replace(b"Sat, 7 Mar 2026 09:14:05 +0000", date)
    record_report(receive_report(delivery.return_token, raw, "x").pk)
    delivery.refresh_from_db()
    assert delivery.tried_until == told + LAST_LOOK


@pytest.mark.parametrize(
    "date",
    [
        "",
        "soon",
        "Fri, 31 Dec 9999 23:59:59 -2359",
        "Mon, 1 Jan 0001 00:00:00 +2359",
        "Mon, 99 Jan 2026 99:99:99 +9999",
        "\x00" * 50,
    ],
)
def test_no_date_of_theirs_keeps_a_report_from_being_read(
    alice: User, make_delivery: Callable[..., Delivery], date: str
) -> None:
    delivery = make_delivery(alice, state=State.ACCEPTED, accepted_at=AT)
    raw = mail("still_trying").replace(b"Sat, 7 Mar 2026 09:14:05 +0000", date.encode())
    record_report(receive_report(delivery.return_token, raw, "x").pk)
    delivery.refresh_from_db()
    assert delivery.state == State.DELAYED
    assert delivery.tried_until is not None
    within = delivery.tried_until - now()
    assert timedelta(0) < within <= LONGEST + LAST_LOOK
