from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.dispatch import Signal
from django.utils.timezone import now

from channels.models import Allowance, Channel
from channels.throttle import Room

# A lane begins to rest for a limit. Sent with its `channel`, in the transaction that
# stores it: where several workers find the limit reached, only one of them sends it.
rest_began = Signal()


# What is spent counts from so much later, when it has normally left: so the provider,
# too, sees no more than the limit in any window.
GONE_WITHIN = timedelta(milliseconds=500)


@dataclass(slots=True)
class Limit:
    """What one user may send now on one channel.

    It locks no row. Each UPDATE expects the allowance to be as it was read; where
    another worker of the lane has changed it first, it is read and calculated again. So
    the limit is exact with any number of workers, at the cost of one UPDATE.
    """

    channel: Channel
    allowance: Allowance
    spent_at: datetime | None = None

    @property
    def is_none(self) -> bool:
        return self.allowance.pace.unlimited

    def room(self, wanted: int) -> int:
        """Return how many of `wanted` may go; if none, the lane is on hold from now on."""
        while True:
            room = self.allowance.room(now(), wanted)
            if room.number or room.until == self.allowance.held_until:
                return room.number
            self._rest(room)

    def spend(self, number: int) -> int:
        """Count `number` messages before they are sent; return how many may be."""
        if self.is_none:
            return number
        while number:
            self.spent_at = now() + GONE_WITHIN
            if self.allowance.spend(number, self.spent_at):
                break
            self._ask_again()
            number = self.room(number)
        return number

    def give_back(self, number: int) -> None:
        """Count `number` of the messages that it has spent as not sent after all.

        The others count from now on, if they took longer than GONE_WITHIN to leave.
        """
        spent_at, at = self.spent_at, now()
        if spent_at is None or not (number or at > spent_at):
            return  # nothing to correct, as a rule
        while not self.allowance.give_back(number, spent_at, at):
            [self.allowance] = self._asked() or [Allowance()]
            if not self.allowance.pk:
                return  # the sender or the channel is gone

    @transaction.atomic
    def _rest(self, room: Room) -> None:
        pace = self.allowance.pace
        noted = self.allowance.rest(room.until, room.because)
        self._ask_again()
        if noted and self.allowance.pace != pace:
            # A manager has changed the limit since: this rest was for the old one.
            self.allowance.rest(None, "")
            self._ask_again()
        elif noted:
            rest_began.send(Allowance, channel=self.channel)

    def _ask_again(self) -> None:
        [self.allowance] = self._asked()

    def _asked(self) -> list[Allowance]:
        return Allowance.objects.asked(self.channel, self.allowance.sender_id)


@transaction.atomic
def hold(channel: Channel, sender_id: int, until: datetime, because: str) -> None:
    """Let the lane rest: the provider has asked for it."""
    row = Allowance.objects.locked(channel.pk, sender_id)
    rested = row.rests(now())
    row.held_until, row.held_because = until, because[:200]
    row.save(update_fields=["held_until", "held_because"])
    if not rested:
        rest_began.send(Allowance, channel=channel)
