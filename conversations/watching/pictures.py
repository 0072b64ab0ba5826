"""Bar charts: numbers in, coordinates of an SVG out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

# Widths of a day and of its bar, and the height, in units of the viewBox.
STEP, BAR, HEIGHT = 10, 8, 100
COLOURS = 4  # in the stylesheet; a fifth series begins again with the first


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One colour of the picture; `place` names it, from 1."""

    place: int
    label: str
    number: int
    url: str

    @property
    def colour(self) -> int:
        return (self.place - 1) % COLOURS + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What one series had on one day."""

    series: Series
    number: int
    url: str
    y: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    day: date
    number: int
    url: str
    x: int
    segments: list[Segment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A chart with a bar for each day, in which the series are stacked."""

    key: str
    title: str
    says: str
    number: int
    url: str
    series: list[Series]
    bars: list[Bar]
    highest: int

    @property
    def view_box(self) -> str:
        return f"0 0 {STEP * len(self.bars)} {HEIGHT}"

    @property
    def bar_width(self) -> int:
        return BAR

    @property
    def rows(self) -> list[Bar]:
        """The rows of the table beside it: days with a number, the latest first."""
        return [bar for bar in reversed(self.bars) if bar.number]


# A day, or an hour where the picture is of hours.
D = TypeVar("D", bound=date)


def stacked(
    days: Sequence[D],
    series: Sequence[Series],
    numbers: Mapping[tuple[D, int], int],  # by day and place of a series
    urls: Mapping[D, tuple[str, Mapping[int, str]]],
) -> tuple[list[Bar], int]:
    """Return a bar for each day, and the highest day's number."""
    totals = {
        day: sum(numbers.get((day, each.place), 0) for each in series) for day in days
    }
    highest = max(totals.values(), default=0)
    bars = [
        Bar(
            day=day,
            number=totals[day],
            url=urls[day][0],
            x=STEP * position + (STEP - BAR) // 2,
            segments=_segments(
                (
                    (each, numbers.get((day, each.place), 0), urls[day][1][each.place])
                    for each in series
                ),
                highest,
            ),
        )
        for position, day in enumerate(days)
    ]
    return bars, highest


def _segments(parts: Iterable[tuple[Series, int, str]], highest: int) -> list[Segment]:
    found, top = [], float(HEIGHT)
    for series, number, url in parts:
        if not number:
            continue
        height = round(HEIGHT * number / highest, 2)
        top -= height
        found.append(
            Segment(
                series=series, number=number, url=url, y=round(top, 2), height=height
            )
        )
    return found


def share(number: float, of: float) -> int:
    """The percentage for the length of a horizontal bar: 1 at least, to be visible."""
    return max(1, round(100 * number / of)) if number and of else 0
