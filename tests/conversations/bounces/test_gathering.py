from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from conversations.bounces.gathering import AT_MOST, Gathering

PATIENCE = 10.0  # seconds, which only a failing test waits for


class Work:
    """Doubles what it is given, and remembers how much came together."""

    def __init__(self) -> None:
        self.groups: list[int] = []

    def __call__(self, items: list[int]) -> Sequence[int | Exception]:
        self.groups.append(len(items))
        return [2 * item for item in items]


def ask(work: Work, many: int, rest: float) -> list[int]:
    gathering = Gathering("test", work, rest=rest)

    async def all_at_once() -> list[int]:
        asked = asyncio.gather(*(gathering.ask(number) for number in range(many)))
        return await asyncio.wait_for(asked, PATIENCE)

    try:
        return asyncio.run(all_at_once())
    finally:
        gathering.stop(PATIENCE)


def test_who_comes_while_others_are_served_is_served_with_all_who_wait() -> None:
    work = Work()
    assert ask(work, 21, rest=0) == [2 * number for number in range(21)]
    assert work.groups == [1, 20]


def test_a_group_that_is_full_waits_for_no_rest() -> None:
    work = Work()
    ask(work, 1 + AT_MOST, rest=600)
    assert work.groups == [1, AT_MOST]


def test_a_group_that_is_not_full_waits_for_more() -> None:
    work = Work()
    with pytest.raises(TimeoutError):
        ask_shortly(work)
    assert work.groups == [1]


def ask_shortly(work: Work) -> None:
    gathering = Gathering("test", work, rest=600)

    async def two() -> None:
        await gathering.ask(1)
        await asyncio.wait_for(gathering.ask(2), 0.1)

    try:
        asyncio.run(two())
    finally:
        gathering.stop(PATIENCE)
