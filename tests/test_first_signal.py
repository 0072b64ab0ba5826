from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from deliveryportal.first_signal import heed_only_the_first

NUMBER = signal.SIGUSR1


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = signal.getsignal(NUMBER)
    yield
    signal.signal(NUMBER, before)


def test_who_is_asked_twice_heeds_it_once() -> None:
    heeded: list[int] = []
    signal.signal(NUMBER, lambda number, frame: heeded.append(number))
    heed_only_the_first(NUMBER)
    signal.raise_signal(NUMBER)
    signal.raise_signal(NUMBER)
    assert heeded == [NUMBER]


def test_what_the_system_does_by_itself_is_left_alone() -> None:
    signal.signal(NUMBER, signal.SIG_DFL)
    heed_only_the_first(NUMBER)
    assert signal.getsignal(NUMBER) is signal.SIG_DFL
