from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from channels.throttle import Usage
from channels.transports import Pace

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
PACE = Pace(messages=25, seconds=45)


def test_a_full_window_waits_until_its_oldest_message_is_old_enough() -> None:
    usage = Usage()
    usage.spend(10, PACE, START)
    usage.spend(15, PACE, START + timedelta(seconds=10))
    room = usage.room(PACE, START + timedelta(seconds=20), 50)
    assert room.number == 0
    assert room.until is not None
    assert 45 <= (room.until - START).total_seconds() < 45.1
    assert room.because == "the limit of 25 messages every 45 seconds"
    assert usage.room(PACE, room.until, 50).number == 10


def test_the_day_is_the_tighter_limit_once_it_is_used_up() -> None:
    pace = Pace(messages=25, seconds=45, per_day=30)
    usage = Usage()
    usage.spend(25, pace, START)
    assert usage.room(pace, START + timedelta(minutes=1), 50).number == 5
    usage.spend(5, pace, START + timedelta(minutes=1))
    room = usage.room(pace, START + timedelta(minutes=2), 50)
    assert room.number == 0
    assert "30 messages a day" in room.because
    assert room.until is not None
    assert room.until - START > timedelta(days=1)
    assert usage.room(pace, room.until, 50).number == 25


def test_without_a_limit_everything_may_go() -> None:
    assert Usage().room(Pace(), START, 500).number == 500


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(1, 60), st.integers(0, 3)),
        max_size=60,
    ),
    st.integers(1, 30),
    st.integers(1, 60),
    st.integers(1, 200),
)
def test_no_window_and_no_day_ever_holds_more_than_its_limit(
    asks: list[tuple[int, int, int]], messages: int, seconds: int, per_day: int
) -> None:
    """What did not go is given back late, when others have spent already."""
    pace = Pace(messages=messages, seconds=seconds, per_day=per_day)
    usage, at, sent = Usage(), START, []
    late = (START, 0)
    for pause, wanted, unsent in asks:
        at += timedelta(seconds=pause)
        number = usage.room(pace, at, wanted).number
        usage.spend(number, pace, at)
        then, left = late
        usage.correct(left, then, then)
        late = at, min(unsent, number)
        sent.append((at, number - late[1]))
    for start, _ in sent:
        window = start + timedelta(seconds=seconds)
        assert sum(n for when, n in sent if start <= when < window) <= messages
        day = start + timedelta(days=1)
        assert sum(n for when, n in sent if start <= when < day) <= per_day


def test_what_took_longer_than_reckoned_counts_from_when_it_had_gone() -> None:
    pace = Pace(messages=5, seconds=45)
    usage, slow = Usage(), timedelta(seconds=20)
    usage.spend(5, pace, START)
    usage.correct(2, START, START + slow)
    assert usage.room(pace, START + timedelta(seconds=46), 9).number == 2
    room = usage.room(pace, START + slow + timedelta(seconds=45.1), 9)
    assert room.number == 5


@given(st.integers(1, 100), st.integers(1, 100))
def test_a_lane_on_hold_has_room_again_at_the_time_it_was_told(
    messages: int, seconds: int
) -> None:
    pace = Pace(messages=messages, seconds=seconds)
    usage = Usage()
    usage.spend(messages, pace, START)
    room = usage.room(pace, START, 1)
    assert room.until is not None
    assert usage.room(pace, room.until, 1).number == 1


# --- when all that waits has gone -------------------------------------------


def seconds_to_finish(usage: Usage, pace: Pace, waiting: int) -> float:
    finish = usage.finish(pace, START, waiting)
    assert finish is not None
    return (finish - START).total_seconds()


def test_what_has_room_goes_at_once() -> None:
    assert seconds_to_finish(Usage(), PACE, 25) == 0
    assert seconds_to_finish(Usage(), Pace(), 5000) == 0
    assert seconds_to_finish(Usage(), PACE, 0) == 0


def test_what_has_none_goes_burst_by_burst() -> None:
    assert 90 <= seconds_to_finish(Usage(), PACE, 60) < 91
    usage = Usage()
    usage.spend(25, PACE, START - timedelta(seconds=15))
    assert 30 + 90 <= seconds_to_finish(usage, PACE, 60) < 122


def test_what_is_over_the_day_goes_when_the_day_has_passed() -> None:
    pace = Pace(per_day=100)
    usage = Usage()
    usage.spend(90, pace, START)
    assert seconds_to_finish(usage, pace, 10) == 0
    assert 25 * 3600 <= seconds_to_finish(usage, pace, 11) < 25 * 3600 + 1
    assert 50 * 3600 <= seconds_to_finish(usage, pace, 111) < 50 * 3600 + 1


def test_nobody_is_told_what_is_too_far_off() -> None:
    assert Usage().finish(Pace(per_day=1), START, 365) is None
    assert Usage().finish(Pace(messages=0), START, 1) is None


def test_looking_ahead_spends_nothing() -> None:
    usage = Usage()
    usage.spend(25, PACE, START)
    before = (list(usage.recent), list(usage.hours))
    usage.finish(PACE, START, 500)
    assert (usage.recent, usage.hours) == before


@given(
    st.integers(0, 40),
    st.integers(1, 20),
    st.integers(1, 10),
    st.integers(1, 100),
)
def test_asking_every_second_is_never_done_sooner(
    used: int, messages: int, seconds: int, waiting: int
) -> None:
    pace = Pace(messages=messages, seconds=seconds)
    usage = Usage()
    usage.spend(used, pace, START)
    foreseen = seconds_to_finish(usage, pace, waiting)
    at, bursts = START, 0
    while True:
        number = usage.room(pace, at, waiting).number
        usage.spend(number, pace, at)
        waiting -= number
        bursts += bool(number)
        if not waiting:
            break
        at += timedelta(seconds=1)
    took = (at - START).total_seconds()
    assert foreseen - 0.02 * (bursts + 1) <= took <= foreseen + bursts + 1
