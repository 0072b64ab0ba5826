"""What an answer of an SMTP server means."""

from __future__ import annotations

from datetime import timedelta

import pytest

from channels.smtp.answers import requested_wait


@pytest.mark.parametrize(
    ("words", "wait"),
    [
        ("4.7.1 Greylisted, please try again in 5 seconds", timedelta(seconds=5)),
        ("4.2.0 retry in 10 minutes", timedelta(minutes=10)),
        ("Please try again in 1 hour", timedelta(hours=1)),
        ("4.7.1 Greylisted for 300 s", timedelta(minutes=5)),
        ("4.7.1 greylisting in action, come back in 00:04:59", timedelta(seconds=299)),
        ("Too many messages, wait 2 mins", timedelta(minutes=2)),
        ("retry after 90sec.", timedelta(seconds=90)),
        ("try again in 3 h", timedelta(hours=3)),
        ("try again later, ticket 4711 samples", None),
        ("4.7.1 Greylisted", None),
        ("mailbox has 300 seconds of audio", None),
    ],
)
def test_a_pause_the_server_asks_for_is_read(
    words: str, wait: timedelta | None
) -> None:
    assert requested_wait(words) == wait
