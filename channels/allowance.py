from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.timezone import now

from channels.models import Allowance, Channel
from channels.models.allowance import pace_for
from channels.transports import Pace


@dataclass(slots=True)
class Lane:
    """What one user may send now on one channel, until `allowance` is left."""

    room: int
    pace: Pace
    row: Allowance | None

    def spend(self, number: int) -> None:
        if self.row is not None:
            self.row.spend(number, self.pace, now())


@contextmanager
def allowance(channel: Channel, sender_id: int, wanted: int) -> Iterator[Lane]:
    """Ask how many of `wanted` messages may go; spend what is sent before leaving.

    Where there is a limit, in a transaction: the lane's other workers wait for its end,
    which keeps the limit exact whatever their number. It costs one question, and one
    UPDATE to spend.
    """
    if channel.traits.pace.unlimited and "per_day" not in channel.config:
        pace = pace_for(channel, sender_id)
        if pace.unlimited:
            yield Lane(room=wanted, pace=pace, row=None)
            return
    with transaction.atomic(savepoint=False):
        row, pace = Allowance.objects.locked_with_pace(channel, sender_id)
        held = row.held_until, row.held_because
        room = row.room(pace, now(), wanted)
        if not room.number and (fresh := pace_for(channel, sender_id)) != pace:
            # A manager has changed it while this waited for the row.
            row.held_until, row.held_because = held
            pace, room = fresh, row.room(fresh, now(), wanted)
        if pace.unlimited:
            yield Lane(room=wanted, pace=pace, row=None)
        else:
            yield Lane(room=room.number, pace=pace, row=row)


def give_back(channel: Channel, sender_id: int, number: int) -> None:
    """Count `number` messages as not sent after all."""
    if not number:
        return  # as a rule
    with transaction.atomic():
        if Allowance.objects.filter(channel=channel, sender=sender_id).exists():
            Allowance.objects.locked(channel.pk, sender_id).give_back(number)


@transaction.atomic
def hold(channel: Channel, sender_id: int, until: datetime, because: str) -> None:
    """Let the lane rest: the provider has asked for it."""
    row = Allowance.objects.locked(channel.pk, sender_id)
    row.held_until, row.held_because = until, because[:200]
    row.save(update_fields=["held_until", "held_because"])
