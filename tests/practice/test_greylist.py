from __future__ import annotations

from datetime import timedelta

from deliveryportal.practice import greylist
from deliveryportal.practice.greylist import Greylist

WAIT = timedelta(seconds=5)


class Clock:
    time = 100.0

    def __call__(self) -> float:
        return self.time


def test_the_first_attempt_is_put_off_for_the_whole_wait() -> None:
    assert Greylist(Clock()).seconds_left("a@x.test", "b@y.test", WAIT) == 5


def test_an_early_retry_hears_what_is_left_in_whole_seconds() -> None:
    clock = Clock()
    greylisted = Greylist(clock)
    greylisted.seconds_left("a@x.test", "b@y.test", WAIT)
    clock.time += 3.5

    assert greylisted.seconds_left("A@x.test", "B@y.test", WAIT) == 2


def test_a_retry_after_the_wait_is_let_through() -> None:
    clock = Clock()
    greylisted = Greylist(clock)
    greylisted.seconds_left("a@x.test", "b@y.test", WAIT)
    clock.time += 5

    assert greylisted.seconds_left("a@x.test", "b@y.test", WAIT) == 0


def test_another_pair_waits_for_itself() -> None:
    clock = Clock()
    greylisted = Greylist(clock)
    greylisted.seconds_left("a@x.test", "b@y.test", WAIT)
    clock.time += 5

    assert greylisted.seconds_left("c@x.test", "b@y.test", WAIT) == 5


def test_it_does_not_grow_for_ever() -> None:
    greylisted = Greylist(Clock())
    for number in range(greylist.REMEMBERED + 10):
        greylisted.seconds_left(f"{number}@x.test", "b@y.test", WAIT)

    assert len(greylisted._first_seen) <= greylist.REMEMBERED
