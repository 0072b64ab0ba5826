from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from channels.throttle import Sent, Usage
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


IN_HAND = timedelta(minutes=10)


def in_hand(number: int, until: datetime) -> Sent:
    return [(until.timestamp(), number)]


PAUSES = st.one_of(
    st.integers(0, 60),
    st.integers(0, 900),
    st.integers(3600 - 60, 3600 + 60),
    # A day later, or so that an hour of the day before has just begun to be over.
    st.integers(24 * 3600 - 900, 25 * 3600 + 60),
)
PACES = st.one_of(
    st.builds(Pace, messages=st.integers(1, 9), seconds=st.integers(1, 120)),
    st.builds(Pace, per_day=st.integers(1, 20)),
    st.builds(
        Pace,
        messages=st.integers(1, 9),
        seconds=st.integers(1, 3600),
        per_day=st.integers(1, 40),
    ),
)


class Asked(NamedTuple):
    """A batch that somebody asks for, and what becomes of it."""

    pause: int  # seconds since the one before was asked for
    wanted: int
    unsent: int
    late: int  # of what is sent, the last so many leave in the end
    takes: int | None  # seconds; None if whoever has it dies with it


ASKED = st.builds(
    Asked,
    PAUSES,
    st.integers(1, 20),
    st.integers(0, 3),
    st.integers(0, 20),
    st.one_of(st.none(), st.integers(0, 2), st.integers(0, 599), st.just(599)),
)


@settings(max_examples=500, deadline=None)  # a busy machine is no fault
@given(
    st.lists(ASKED, min_size=2, max_size=40),
    st.one_of(st.integers(0, 3599), st.integers(3000, 3599)),
    PACES,
)
def test_no_window_and_no_day_ever_holds_more_than_its_limit(
    asks: list[Asked], into_the_hour: int, pace: Pace
) -> None:
    """However many have some in hand, and however late the last of those leave."""
    usage, at = Usage(), START + timedelta(seconds=into_the_hour)
    under_way: list[tuple[datetime, int, int, datetime]] = []
    sent: list[tuple[datetime, int]] = []
    for ask in asks:
        at += timedelta(seconds=ask.pause)
        for batch in [batch for batch in sorted(under_way) if batch[0] <= at]:
            under_way.remove(batch)
            gone_by, number, unsent, reckoned = batch
            usage.correct(in_hand(number, reckoned), number - unsent, gone_by)
        number = usage.room(pace, at, ask.wanted).number
        usage.spend(number, pace, at, at + IN_HAND)
        unsent = min(ask.unsent, number) if ask.takes is not None else 0
        late = min(ask.late, number - unsent)
        gone_by = at + IN_HAND
        if ask.takes is not None and number:
            gone_by = at + timedelta(seconds=ask.takes)
            under_way.append((gone_by, number, unsent, at + IN_HAND))
        sent += [(at, number - unsent - late), (gone_by, late)]
    limits = [(pace.messages, pace.seconds), (pace.per_day, 24 * 3600)]
    for limit, seconds in limits:
        for start, _ in sent:
            end = start + timedelta(seconds=seconds)
            together = sum(n for when, n in sent if start <= when < end)
            assert limit is None or together <= limit


def test_what_is_in_hand_stays_in_the_window_for_as_long_as_it_takes() -> None:
    """One of 25 waits for its final answer longer than the limit lasts."""
    usage, gone = Usage(), START + timedelta(seconds=120)
    usage.spend(25, PACE, START, START + IN_HAND)
    for seconds in (0, 44, 46, 119):
        at = START + timedelta(seconds=seconds)
        room = usage.room(PACE, at, 25)
        assert room.number == 0
        assert room.until is not None
        assert 45 <= (room.until - at).total_seconds() < 45.1, "it may be gone by now"
    usage.correct(in_hand(25, START + IN_HAND), 25, gone)
    assert usage.room(PACE, gone + timedelta(seconds=44), 25).number == 0
    assert usage.room(PACE, gone + timedelta(seconds=45), 25).number == 25


def test_who_has_died_with_some_in_hand_keeps_others_waiting_for_a_time() -> None:
    usage, over = Usage(), START + IN_HAND + timedelta(seconds=45)
    usage.spend(25, PACE, START, START + IN_HAND)
    assert usage.room(PACE, over - timedelta(seconds=1), 25).number == 0
    assert usage.room(PACE, over, 25).number == 25


def test_what_left_in_the_next_hour_counts_in_that() -> None:
    pace, before = Pace(per_day=10), START - timedelta(seconds=1)
    usage = Usage()
    usage.spend(10, pace, before, before + IN_HAND)
    usage.correct(in_hand(10, before + IN_HAND), 6, START + timedelta(seconds=50))
    assert usage.hours == [(START.timestamp(), 6)]
    next_day = START + timedelta(days=1, seconds=40)
    assert usage.room(pace, next_day, 10).number == 4


def test_what_was_in_hand_for_longer_than_was_reckoned_counts_all_the_same() -> None:
    """Others have spent since, and forgotten it."""
    usage, gone = Usage(), START + timedelta(hours=2)
    usage.spend(5, PACE, START, START + IN_HAND)
    usage.spend(10, PACE, gone - timedelta(seconds=1))
    usage.correct(in_hand(5, START + IN_HAND), 3, gone)
    assert usage.room(PACE, gone, 50).number == 25 - 10 - 3


def test_what_several_portions_had_in_hand_is_told_at_once() -> None:
    usage, until = Usage(), START + IN_HAND
    for seconds in (0, 10, 10):
        later = timedelta(seconds=seconds)
        usage.spend(5, PACE, START + later, until + later)
    mine = [(until.timestamp(), 5), ((until + timedelta(seconds=10)).timestamp(), 5)]
    usage.correct(mine, 7, START + timedelta(seconds=20))
    assert sum(number for _, number in usage.recent) == 7 + 5
    assert usage.in_24_hours(START) == 7 + 5


def test_what_is_in_hand_is_foreseen_to_be_gone_soon() -> None:
    usage = Usage()
    usage.spend(25, PACE, START, START + IN_HAND)
    assert 45 <= seconds_to_finish(usage, PACE, 25) < 46


def test_what_took_longer_than_reckoned_counts_from_when_it_had_gone() -> None:
    pace = Pace(messages=5, seconds=45)
    usage, slow = Usage(), timedelta(seconds=20)
    usage.spend(5, pace, START, START + IN_HAND)
    usage.correct(in_hand(5, START + IN_HAND), 3, START + slow)
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
