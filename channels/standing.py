"""How a user stands with a channel: what they have used of it, and what waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.timezone import localtime, now

from channels.backlog import Backlog, backlog_of
from channels.models import Allowance, Channel, pace_of
from channels.throttle import Usage
from channels.transports import Pace
from deliveryportal.accounts.models import User

SOON = timedelta(minutes=1)  # nobody needs to be told when mail goes at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    pace: Pace
    used: int  # messages in 24 hours
    working: bool
    backlog: Backlog
    last_goes: datetime | None  # of what waits; None: nobody can say

    @property
    def words(self) -> list[str]:
        """Sentences for the channel's card; none if there is nothing to say."""
        return [sentence for sentence in (self._used, self._waits) if sentence]

    @property
    def _used(self) -> str:
        if self.pace.per_day is None:
            return ""
        return f"{self.used:,} of {self.pace.per_day:,} used in 24 hours."

    @property
    def _waits(self) -> str:
        number = self.backlog.waiting
        if not number:
            return ""
        wait = "1 waits" if number == 1 else f"{number:,} wait"
        if not self.working:
            return f"{wait} until it is mended."
        if self.last_goes is None:
            return f"{wait}; the last of them goes in more than a month."
        if self.last_goes < now() + SOON:
            return ""
        goes = "it goes" if number == 1 else "the last of them goes"
        return f"{wait}; {goes} {_about(self.last_goes)}."


def standing_of(channel: Channel, user: User) -> Standing:
    pace = pace_of(channel, user.team_id)
    usage = Allowance.objects.of_lane(channel, user).usage
    backlog = backlog_of(channel, user)
    return Standing(
        pace=pace,
        used=usage.in_24_hours(now()),
        working=channel.health == Channel.Health.WORKING,
        backlog=backlog,
        last_goes=_last_goes(backlog, usage, pace, now()),
    )


def _last_goes(
    backlog: Backlog, usage: Usage, pace: Pace, at: datetime
) -> datetime | None:
    """Foresee when all that waits has gone, if nothing else happens."""
    begins = max(at, backlog.first or at)
    finish = usage.finish(pace, begins, backlog.waiting)
    return finish and max(finish, backlog.last or at)


def _about(when: datetime) -> str:
    when = localtime(when)
    time = f"about {date_format(when, 'H:i')}"
    if when.date() == localtime().date():
        return time
    return f"on {date_format(when, 'j F')} {time}"
