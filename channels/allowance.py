from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.timezone import now

from channels.models import Allowance, Channel, pace_of
from channels.transports import Pace
from deliveryportal.accounts.models import User


@dataclass(slots=True)
class Lane:
    """What one user may send now on one channel, while this transaction lasts."""

    room: int
    pace: Pace
    row: Allowance | None

    def spend(self, number: int) -> None:
        if self.row is not None:
            self.row.spend(number, self.pace, now())


@contextmanager
def allowance(channel: Channel, sender_id: int, wanted: int) -> Iterator[Lane]:
    """Ask how many of `wanted` messages may go; spend what is sent before leaving.

    Inside a transaction: the lane's other workers wait for its end, which keeps the
    limit exact whatever their number. An unlimited lane costs one look-up.
    """
    team_id = User.objects.values_list("team_id", flat=True).get(pk=sender_id)
    pace = pace_of(channel, team_id)
    if pace.unlimited:
        yield Lane(room=wanted, pace=pace, row=None)
        return
    row = Allowance.objects.locked(channel.pk, sender_id)
    pace = pace_of(channel, team_id)  # a manager may have changed it meanwhile
    yield Lane(room=row.room(pace, now(), wanted).number, pace=pace, row=row)


@transaction.atomic
def give_back(channel: Channel, sender_id: int, number: int) -> None:
    """Count `number` messages as not sent after all."""
    if number and Allowance.objects.filter(channel=channel, sender=sender_id).exists():
        Allowance.objects.locked(channel.pk, sender_id).give_back(number)


@transaction.atomic
def hold(channel: Channel, sender_id: int, until: datetime, because: str) -> None:
    """Let the lane rest: the provider has asked for it."""
    row = Allowance.objects.locked(channel.pk, sender_id)
    row.held_until, row.held_because = until, because[:200]
    row.save(update_fields=["held_until", "held_because"])
