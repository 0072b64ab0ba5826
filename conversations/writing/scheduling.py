"""When a message is to leave, by its writer's clock. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


class NoSuchTimeError(ValueError):
    """The clocks skip this time; `instead` is what they show then."""

    def __init__(self, local: datetime, zone: ZoneInfo, instead: datetime) -> None:
        super().__init__(
            f"There is no {local:%H:%M} on {local.day} {local:%B %Y} in {zone.key}: the "
            f"clocks go forward. Nothing was sent. The time after it is {instead:%H:%M}."
        )
        self.instead = instead


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment at which clocks in the zone show this time.

    If they show it twice, because they go back, return the first. Raises
    NoSuchTimeError for a time that they skip.
    """
    moment = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    shown = moment.astimezone(zone).replace(tzinfo=None)
    if shown != local:
        raise NoSuchTimeError(local, zone, shown)
    return moment
