from __future__ import annotations

from datetime import date

from conversations.watching.pictures import HEIGHT, Series, share, stacked

DAYS = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)]
SERIES = [
    Series(place=1, label="Portal servers", number=5, url="/1"),
    Series(place=2, label="Gmail", number=3, url="/2"),
]
URLS = {day: (f"/{day}", {1: f"/{day}/1", 2: f"/{day}/2"}) for day in DAYS}


def test_series_stand_on_each_other_and_the_highest_day_fills_the_picture() -> None:
    numbers = {(DAYS[0], 1): 3, (DAYS[0], 2): 1, (DAYS[2], 1): 2, (DAYS[2], 2): 0}
    bars, highest = stacked(DAYS, SERIES, numbers, URLS)
    assert highest == 4
    assert [bar.number for bar in bars] == [4, 0, 2]
    assert [bar.x for bar in bars] == [1, 11, 21]
    first = [(part.series.label, part.y, part.height) for part in bars[0].segments]
    assert first == [("Portal servers", 25.0, 75.0), ("Gmail", 0.0, 25.0)]
    assert bars[1].segments == []
    (half,) = bars[2].segments
    assert (half.y, half.height, half.url) == (HEIGHT / 2, HEIGHT / 2, "/2026-03-03/1")


def test_without_numbers_there_is_nothing_to_draw() -> None:
    bars, highest = stacked(DAYS, SERIES, {}, URLS)
    assert highest == 0
    assert not any(bar.segments for bar in bars)


def test_colours_begin_anew_after_the_last() -> None:
    later = Series(place=5, label="Pigeons", number=1, url="")
    assert later.colour == SERIES[0].colour


def test_what_is_there_can_be_seen() -> None:
    assert share(1, 10_000) == 1
    assert share(5_000, 10_000) == 50
    assert share(0, 10) == share(0, 0) == 0
