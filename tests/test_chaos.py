"""The rig of `make chaos` must not be content with what it is there to find."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.account import Account
from tests.chaos.accounting import judge
from tests.chaos.mischief import MISCHIEF, drawn
from tests.chaos.overslept import Overslept
from tests.chaos.run import HANDS, dice, hand

A_HAND_AND_MORE = {"lease": [f"p{n}@far.test" for n in range(6)]}


def test_what_arrived_once_or_is_known_not_to_have_is_in_order() -> None:
    account = Account()
    judge(account, "anna", ["accepted"], came=1)
    judge(account, "bert", ["failed"], came=0)
    judge(account, "cleo", ["unconfirmed"], came=1)
    judge(account, "dora", ["unconfirmed"], came=0)
    assert not account.faults


@pytest.mark.parametrize(
    ("states", "came", "fault"),
    [
        ([], 0, "lost"),
        (["queued"], 0, "lost"),
        (["handing_over"], 1, "lost"),
        (["accepted"], 0, "lost"),
        (["accepted"], 2, "doubled"),
        (["unconfirmed"], 2, "doubled"),
        (["accepted", "accepted"], 1, "doubled"),
        (["failed"], 1, "doubled"),
    ],
)
def test_what_was_lost_or_doubled_is_found(
    states: list[str], came: int, fault: str
) -> None:
    account = Account()
    judge(account, "anna", states, came=came)
    assert len(getattr(account, fault)) == len(account.faults) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"unexplained": ["anna: unconfirmed without a reason"]},
        {"given_up": A_HAND_AND_MORE, "leases_lost": 1, "in_hand": 5},
        {"given_up": A_HAND_AND_MORE, "leases_lost": 0, "in_hand": 10},
        {"settled_after_all": ["anna"]},
        {"sent_after_waking": ["anna"]},
        {"drained": 20.1},
    ],
)
def test_no_more_is_in_doubt_than_was_in_the_hands_of_the_dead(
    fault: dict[str, Any],
) -> None:
    assert Account(**fault).faults


OVERSLEPT = Overslept(lost={"a", "b", "c", "d"}, waited_for={"a"}, threads=1)


@pytest.mark.parametrize(
    ("came", "by_gmail", "found"),
    [
        ({"e"}, set(), set()),
        ({"a"}, set(), set()),
        ({"b"}, set(), {"b"}),
        ({"b"}, {"b"}, set()),
        ({"a", "b", "c"}, {"b", "c"}, {"b", "c"}),
        ({"b", "c"}, {"b"}, {"c"}),
    ],
    ids=[
        "it was not taken away",
        "its server waited for it",
        "nobody waited for it",
        "one a thread at Gmail, which is told with it",
        "more than one a thread",
        "one at Gmail excuses none on SMTP",
    ],
)
def test_who_wakes_up_finishes_what_it_was_at_and_sends_nothing_else(
    came: set[str], by_gmail: set[str], found: set[str]
) -> None:
    assert OVERSLEPT.sent_after_all(came, by_gmail) == found


def test_a_seed_has_its_size_of_a_hand_and_all_sizes_have_their_turn() -> None:
    assert [hand(seed) for seed in range(1, 7)] == HANDS * 2


@pytest.mark.parametrize("servers", [True, False])
def test_each_kind_of_mischief_has_its_turn_and_a_seed_repeats_it(
    servers: bool,
) -> None:
    first, second = (drawn(dice(7), 20, servers=servers) for _ in range(2))
    assert first == second != drawn(dice(8), 20, servers=servers)
    possible = {each for each in MISCHIEF if servers or not each.asks_for_servers}
    assert set(first) == possible
