from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from pytest_django import Settings

from channels.backlog import Backlog
from channels.models import Allowance, Channel
from channels.standing import Standing, standing_of
from channels.transports import Pace
from deliveryportal.accounts.models import User

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def words(
    *,
    pace: Pace | None = None,
    used: int = 0,
    working: bool = True,
    waiting: int = 0,
    last_goes: datetime | None = NOON,
) -> list[str]:
    with time_machine.travel(NOON, tick=False):
        return Standing(
            pace=pace or Pace(),
            used=used,
            working=working,
            backlog=Backlog(waiting=waiting),
            last_goes=last_goes,
        ).words


def test_what_was_used_is_told_where_there_is_a_daily_limit() -> None:
    pace = Pace(messages=25, per_day=2000)
    assert words(pace=pace, used=312) == ["312 of 2,000 used in 24 hours."]
    assert words(pace=Pace(messages=25), used=312) == []


@pytest.mark.parametrize(
    ("waiting", "last_goes", "sentence"),
    [
        (60, timedelta(hours=2, minutes=5), "60 wait; the last of them goes about 14:05."),
        (1, timedelta(minutes=2), "1 waits; it goes about 12:02."),
        (
            1200,
            timedelta(days=1),
            "1,200 wait; the last of them goes on 5 May about 12:00.",
        ),
    ],
)  # fmt: skip
def test_when_waiting_mail_goes_is_told(
    waiting: int, last_goes: timedelta, sentence: str
) -> None:
    assert words(waiting=waiting, last_goes=NOON + last_goes) == [sentence]


def test_the_time_is_the_persons_own(settings: Settings) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    [sentence] = words(waiting=2, last_goes=NOON + timedelta(hours=1))
    assert sentence.endswith("about 22:00.")


def test_nobody_is_told_what_goes_at_once() -> None:
    assert words(waiting=3, last_goes=NOON + timedelta(seconds=20)) == []
    assert words(waiting=0, last_goes=NOON + timedelta(hours=2)) == []


def test_nobody_foresees_when_a_broken_channel_is_mended() -> None:
    assert words(waiting=2, working=False) == ["2 wait until it is mended."]


def test_what_is_far_off_is_said_to_be() -> None:
    [sentence] = words(waiting=9, last_goes=None)
    assert "more than a month" in sentence


def test_everybody_stands_for_themselves(alice: User, bob: User) -> None:
    server = Channel.objects.create(kind="smtp", team=bob.team, config={"per_day": 500})
    with time_machine.travel(NOON, tick=False):
        hour = NOON.timestamp()
        Allowance.objects.create(channel=server, sender=alice, hours=[[hour, 12]])
        Allowance.objects.create(channel=server, sender=bob, hours=[[hour, 400]])
        assert standing_of(server, alice).used == 12
        assert standing_of(server, bob).used == 400
        assert standing_of(server, alice).pace.per_day == 500


def test_nothing_is_stored_for_who_sent_nothing(alice: User) -> None:
    assert standing_of(Channel.objects.default(), alice).words == []
    assert not Allowance.objects.exists()
