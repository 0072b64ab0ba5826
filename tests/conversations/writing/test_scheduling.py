from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from conversations.writing.scheduling import NoSuchTimeError, instant

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # its clocks leap by half an hour


@pytest.mark.parametrize(
    ("local", "zone", "moment"),
    [
        ("2026-01-15 08:00", BERLIN, "2026-01-15 07:00"),
        ("2026-07-15 08:00", BERLIN, "2026-07-15 06:00"),
        ("2026-07-15 08:00", NEW_YORK, "2026-07-15 12:00"),
        # The minute before and after the leap forward.
        ("2026-03-29 01:59", BERLIN, "2026-03-29 00:59"),
        ("2026-03-29 03:00", BERLIN, "2026-03-29 01:00"),
        # An hour that comes twice: the first of them.
        ("2026-10-25 02:30", BERLIN, "2026-10-25 00:30"),
        ("2026-10-25 03:00", BERLIN, "2026-10-25 02:00"),
        ("2026-11-01 01:30", NEW_YORK, "2026-11-01 05:30"),
        ("2026-04-05 01:45", LORD_HOWE, "2026-04-04 14:45"),
    ],
)
def test_a_time_is_that_of_the_writers_clock(
    local: str, zone: ZoneInfo, moment: str
) -> None:
    expected = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert instant(datetime.fromisoformat(local), zone) == expected


@pytest.mark.parametrize(
    ("local", "zone", "instead"),
    [
        ("2026-03-29 02:30", BERLIN, "03:30"),
        ("2026-03-08 02:00", NEW_YORK, "03:00"),
        ("2026-10-04 02:15", LORD_HOWE, "02:45"),
    ],
)
def test_a_time_that_the_clocks_leap_over_is_named_with_the_one_after_it(
    local: str, zone: ZoneInfo, instead: str
) -> None:
    with pytest.raises(NoSuchTimeError, match=f"The time after it is {instead}"):
        instant(datetime.fromisoformat(local), zone)
