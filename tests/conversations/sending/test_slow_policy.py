from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conversations.sending.slow_policy import (
    JITTER,
    LONGEST,
    RECOVERS_IN,
    RESTS,
    asked_before,
    rest,
)

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(("times", "pause"), list(enumerate(RESTS, start=1)))
def test_each_further_asking_lets_it_rest_longer(times: int, pause: timedelta) -> None:
    assert pause <= rest(times) <= pause * (1 + JITTER)


def test_the_rest_grows_no_more_after_the_last_of_the_table() -> None:
    assert rest(100) <= RESTS[-1] * (1 + JITTER)


def test_a_pause_that_the_domain_names_is_kept_if_it_is_longer() -> None:
    assert rest(1, timedelta(minutes=7)) == timedelta(minutes=7)
    assert rest(6, timedelta(seconds=1)) >= RESTS[5]


def test_a_pause_that_makes_no_sense_is_bounded() -> None:
    assert rest(1, timedelta(days=9)) == LONGEST


@pytest.mark.parametrize(
    ("quiet", "counted"),
    [
        (timedelta(0), 4),
        (RECOVERS_IN - timedelta(seconds=1), 4),
        (RECOVERS_IN, 3),
        (3 * RECOVERS_IN, 1),
        (timedelta(days=1), 0),
        (-RECOVERS_IN, 4),
    ],
)
def test_a_domain_that_is_quiet_is_trusted_again_step_by_step(
    quiet: timedelta, counted: int
) -> None:
    assert asked_before(4, START, START + quiet) == counted
