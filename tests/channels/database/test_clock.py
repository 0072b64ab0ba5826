from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils.timezone import now

from channels.database import clock as database_clock
from channels.database.clock import SKEWED, clock_ahead, database_now

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_clock, "_told", float("-inf"))


def test_the_database_tells_the_time(db: None) -> None:
    before = now()
    there = database_now()
    # On another machine it may differ by a little.
    assert before - SKEWED < there < now() + SKEWED


@pytest.mark.parametrize("seconds", [7200, 0, -90])
def test_a_clock_is_so_much_ahead_of_the_databases_or_behind(
    seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(now(), tick=False):
        there = now() - seconds * SECOND
        monkeypatch.setattr(database_clock, "database_now", lambda: there)
        assert clock_ahead() == seconds * SECOND


def test_an_answer_that_took_its_time_is_no_skew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with time_machine.travel(now(), tick=False) as clock:

        def slow() -> object:
            clock.shift(60)
            there = now()
            clock.shift(60)
            return there

        monkeypatch.setattr(database_clock, "database_now", slow)
        assert clock_ahead() == timedelta(0)


def test_a_skew_is_told_and_not_at_every_look(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database_clock, "database_now", lambda: now() + 20 * SECOND)
    for _ in range(3):
        clock_ahead()
    assert caplog.text.count("20 s behind the database's") == 1
    monkeypatch.setattr(database_clock, "TOLD_EVERY", 0)
    clock_ahead()
    assert caplog.text.count("20 s behind the database's") == 2


def test_a_little_is_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database_clock, "database_now", lambda: now() + 3 * SECOND)
    assert clock_ahead() < timedelta(0)
    assert not caplog.text
