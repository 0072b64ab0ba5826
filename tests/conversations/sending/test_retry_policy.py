from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversations.sending.retry_policy import GIVE_UP_AFTER, JITTER, PAUSES, next_try

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("attempts", "pause"), list(enumerate(PAUSES, start=1)))
def test_each_pause_is_the_tables_give_or_take_the_jitter(
    attempts: int, pause: timedelta
) -> None:
    when = next_try(attempts=attempts, tried_since=START, at=START)
    assert when is not None
    assert pause * (1 - JITTER) <= when - START <= pause * (1 + JITTER)


def test_the_tries_fill_two_days_and_no_more() -> None:
    at, attempts = START, 1
    while (when := next_try(attempts=attempts, tried_since=START, at=at)) is not None:
        at, attempts = when, attempts + 1
    assert 12 <= attempts <= 14
    assert GIVE_UP_AFTER - PAUSES[0] <= at - START <= GIVE_UP_AFTER


def test_what_is_asked_for_before_the_two_days_are_over_is_tried_once_more() -> None:
    at, day = START + timedelta(hours=25), timedelta(days=1)
    assert lateness(day, at=at) >= timedelta(0)
    over = START + GIVE_UP_AFTER
    assert next_try(attempts=9, tried_since=START, at=over, asked_for=day) is None


def lateness(asked_for: timedelta, at: datetime = START, **case: Any) -> timedelta:
    """Return by how much the next try is later than what was asked for."""
    case = {"attempts": 1, **case}
    when = next_try(tried_since=START, at=at, asked_for=asked_for, **case)
    assert when is not None
    return when - at - asked_for


@pytest.mark.parametrize(
    ("asked_for", "latest"),
    [
        (timedelta(minutes=7), timedelta(seconds=43)),
        (timedelta(hours=20), timedelta(seconds=61)),
    ],
)
def test_a_pause_the_other_side_named_is_kept_and_jittered(
    asked_for: timedelta, latest: timedelta
) -> None:
    late = {lateness(asked_for) for _ in range(50)}
    assert len(late) > 1
    assert all(timedelta(seconds=1) <= each <= latest for each in late)


@pytest.mark.parametrize(
    ("asked_for", "pause"),
    [
        (timedelta(0), timedelta(seconds=5)),
        (timedelta(days=3), timedelta(days=1)),
    ],
)
def test_a_pause_that_makes_no_sense_is_bounded(
    asked_for: timedelta, pause: timedelta
) -> None:
    late = lateness(asked_for) + asked_for - pause
    assert timedelta(seconds=1) <= late <= timedelta(seconds=61)


def test_what_waits_for_a_limit_is_never_given_up() -> None:
    late = START + timedelta(days=5)
    assert lateness(
        timedelta(days=1), attempts=9, at=late, for_a_limit=True
    ) >= timedelta(seconds=1)
