from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.dispatch import Signal
from django.utils.timezone import now

from channels.database.prepared import Sql
from channels.models import Allowance, Channel
from channels.throttle import Room, Sent

# A lane begins to rest for a limit. Sent with its `channel`, in the transaction that
# stores it: where several workers find the limit reached, only one of them sends it.
rest_began = Signal()

OF_THE_PROVIDER = "the limit of the provider"


@dataclass(slots=True)
class Limit:
    """What one user may send now on one channel.

    Each UPDATE expects the allowance to be as it was read; where another worker of the
    lane has changed it first, it is read and calculated again. So the limit is exact with
    any number of workers. It costs one UPDATE after a batch; the one before is part of
    the statement that takes the messages.
    """

    channel: Channel
    allowance: Allowance
    # Messages that are counted and may be sent, and until when, unless it is told before
    # that they are gone.
    in_hand: Sent = field(default_factory=list)
    was_reached: bool = False  # since the batch was read

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

    def spend(
        self, wanted: int, take: Callable[[int, Sql | None], set[int] | None]
    ) -> set[int]:
        """Count up to `wanted` messages before they are sent; return those taken.

        `take` is told how many it may take, and the UPDATE that counts them, to be done
        in one piece with it; it returns None if that changed no row. They count as in
        hand until they are `gone`, or whoever has them has died: the provider, too, is to
        see no more than the limit in any window, however long it takes to answer.
        """
        if self.is_none:
            return take(wanted, None) or set()
        while number := self.room(wanted):
            at = now()
            until = at + timedelta(seconds=settings.LEASE_SECONDS)
            spent = self.allowance.spent(number, at, until)
            taken = take(number, self.allowance.update(spent))
            if taken is not None:
                self.allowance.now_has(spent)
                self.in_hand.append((until.timestamp(), number))
                self.was_reached = self.was_reached or number < wanted
                return taken
            self._ask_again()
        self.was_reached = True
        return set()

    def gone(self, number: int | None = None) -> None:
        """Count so many messages in hand as gone by now, or all; the rest stays here."""
        in_hand, self.in_hand = self.in_hand, []
        if not in_hand:
            return
        if number is None:
            number = sum(each for _, each in in_hand)
        while not self.allowance.gone(in_hand, number, now()):
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
def nothing_is_in_hand() -> None:
    """Count what anybody has in hand as gone now: whoever had it has died."""
    at = now().timestamp()
    for row in Allowance.objects.select_for_update():
        recent = [(min(when, at), number) for when, number in row.recent]
        if any(when > at for when, _ in row.recent):
            row.recent = recent
            row.save(update_fields=["recent"])


@transaction.atomic
def hold(channel: Channel, sender_id: int, until: datetime, because: str) -> None:
    """Let the lane rest: the provider has asked for it."""
    row = Allowance.objects.locked(channel.pk, sender_id)
    rested = row.rests(now())
    row.held_until, row.held_because = until, because[:200]
    row.save(update_fields=["held_until", "held_because"])
    if not rested:
        rest_began.send(Allowance, channel=channel)


def ask_the_provider_again(channel: Channel) -> None:
    """End the rests that a provider has asked for: it, or the account, may be another.

    If it is not, it asks for them again when the next mail comes.
    """
    asked_for = Allowance.objects.filter(channel=channel, held_because=OF_THE_PROVIDER)
    asked_for.update(held_until=None, held_because="")
