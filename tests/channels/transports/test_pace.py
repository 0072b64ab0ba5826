from __future__ import annotations

import pytest

from channels.transports import Pace


@pytest.mark.parametrize(
    ("pace", "words"),
    [
        (Pace(), "No limit"),
        (Pace(messages=25, seconds=45), "25 messages every 45 seconds"),
        (Pace(messages=1, seconds=1), "1 message every second"),
        (Pace(messages=2500, seconds=3600), "2,500 messages every 3,600 seconds"),
        (Pace(per_day=2000), "2,000 messages a day"),
        (
            Pace(messages=25, seconds=45, per_day=500),
            "25 messages every 45 seconds and 500 messages a day",
        ),
    ],
)
def test_a_pace_is_told_in_words(pace: Pace, words: str) -> None:
    assert pace.words == words
