from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channels.transports import Verdict
from channels.transports._gmail_answers import (
    Answer,
    not_accepted,
    not_renewed,
    requested_wait,
    until_tomorrow,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_page_that_is_no_json_is_an_answer_too() -> None:
    answer = Answer.read(502, {}, b"<html>Bad Gateway</html>")
    assert (answer.message, answer.reasons) == ("HTTP 502", frozenset())
    assert not_accepted(answer, NOON).verdict is Verdict.UNKNOWN


def test_reasons_are_read_wherever_google_puts_them() -> None:
    answer = Answer.read(
        403,
        {},
        b'{"error": {"status": "S", "errors": [{"reason": "e"}],'
        b' "details": [{"reason": "d"}, {"metadata": {}}]}}',
    )
    assert answer.reasons == {"S", "e", "d"}


def test_hostile_words_are_bounded() -> None:
    message = "x" * 100_000
    answer = Answer.read(400, {}, f'{{"error": "{message}"}}'.encode())
    assert len(not_accepted(answer, NOON).words) == 2000
    assert len(not_renewed(message, message).words) == 2000
    assert "\x00" not in not_renewed("invalid_grant", "\x00").words


@pytest.mark.parametrize(
    ("hour", "wait"), [(7, timedelta(hours=1)), (8, timedelta(days=1))]
)
def test_googles_day_ends_at_midnight_in_california(hour: int, wait: timedelta) -> None:
    answer = Answer.read(403, {}, b"")
    assert until_tomorrow(answer, NOON.replace(hour=hour)) == wait


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("Mon, 23 Nov 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Mon, 23 Nov 2026 11:05:00 GMT", None),
        ("Mon, 99 Nov 2026 12:05:00 GMT", None),
        ("\N{SUPERSCRIPT TWO}", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(
    header: str, wait: timedelta | None
) -> None:
    answer = Answer.read(429, {"retry-after": header}, b"")
    assert requested_wait(answer, NOON) == wait


@pytest.mark.parametrize(
    ("date", "wait"),
    [
        ("2026-11-23T12:15:00.000Z", timedelta(minutes=15)),
        ("2026-13-45T99:15:00Z", None),
    ],
)
def test_googles_date_is_read_from_its_message(
    date: str, wait: timedelta | None
) -> None:
    body = f'{{"error": {{"message": "Retry after {date}"}}}}'
    assert requested_wait(Answer.read(429, {}, body.encode()), NOON) == wait
