from __future__ import annotations

import pytest

from conversations.watching.normal import Rate, left_normal

USUAL = Rate(16, 800)  # 2 %


@pytest.mark.parametrize("failed", [0, 2, 4, 5, 6])
def test_a_week_as_others_is_normal(failed: int) -> None:
    assert not left_normal(Rate(failed, 100), USUAL)


@pytest.mark.parametrize("failed", [7, 30, 100])
def test_far_more_failures_than_usual_are_not(failed: int) -> None:
    assert left_normal(Rate(failed, 100), USUAL)


def test_it_is_the_members_own_normal() -> None:
    """Somebody who writes to old lists has more failures, week after week."""
    assert not left_normal(Rate(30, 100), Rate(240, 800))
    assert left_normal(Rate(30, 100), USUAL)


@pytest.mark.parametrize(
    ("lately", "before"),
    [
        (Rate(10, 19), USUAL),
        (Rate(2, 20), Rate(0, 800)),
        (Rate(50, 100), Rate(0, 49)),
        (Rate(0, 0), Rate(0, 0)),
    ],
)
def test_few_mails_or_no_habit_say_nothing(lately: Rate, before: Rate) -> None:
    assert not left_normal(lately, before)


def test_a_first_failure_after_a_spotless_time_is_no_alarm() -> None:
    assert not left_normal(Rate(3, 300), Rate(0, 800))
    assert left_normal(Rate(20, 300), Rate(0, 800))


def test_more_bounces_than_mails_and_nothing_but_failures_can_be_judged() -> None:
    assert left_normal(Rate(40, 20), USUAL)
    assert not left_normal(Rate(20, 20), Rate(800, 800))
    assert Rate(40, 20).percent == 100.0
