"""What is still under way, and the time that it needs."""

from __future__ import annotations

import time
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import QuerySet

from conversations.models import Delivery
from conversations.models.state import State
from tests.chaos.clock import Clock
from tests.portal import wait_until

SETTLED = (State.ACCEPTED, State.FAILED, State.UNCONFIRMED)
# Nobody who takes a mail in hand now loses it when so much time passes.
A_WHILE = settings.LEASE_SECONDS - 100
# Nobody who works loses it when this passes now and then.
A_MOMENT = settings.LEASE_SECONDS // 10
# Mail that a worker has in hand goes on within these seconds, if nothing is broken.
STANDS_STILL = 10.0
# Mail flows as long as something is settled within these seconds: by then a worker that
# was killed has started again.
FLOWS = 3.0


def anew() -> None:
    """The database may have been restarted since the rig last asked it anything."""
    connection.close()


def there_are(deliveries: QuerySet[Delivery]) -> bool:
    anew()
    try:
        return deliveries.exists()
    except DatabaseError:
        return True  # who knows: the database is just starting


def let_leases_end(clock: Clock) -> None:
    """Time passes while whoever holds mail is gone or stands still."""
    clock.let_pass(settings.LEASE_SECONDS + 1)


def wait_till_given_up(clock: Clock) -> None:
    """Until the sweepers have taken all mail from the workers, who stand still."""

    def given_up() -> bool:
        # A sweeper that looks at both its clocks in this moment sees a jump.
        let_leases_end(clock)
        time.sleep(0.5)
        return not there_are(Delivery.objects.in_hand())

    wait_until(given_up)


def let_it_come_to_rest(clock: Clock, seconds: float) -> None:
    """Wait; whenever no mail is in the hand of anybody alive, a while passes."""
    ends = time.monotonic() + seconds
    in_hand, since = _in_hand(), time.monotonic()
    while there_are(Delivery.objects.exclude(state__in=SETTLED)):
        if time.monotonic() > ends:
            return  # told as lost
        if in_hand != (in_hand := _in_hand()):
            since = time.monotonic()
        if not in_hand or time.monotonic() - since > STANDS_STILL:
            clock.let_pass(A_WHILE)
            since = time.monotonic()
        time.sleep(0.5)


def let_it_flow(clock: Clock, until: int) -> None:
    """Wait until so many mails are settled, or nothing moves.

    Time passes, so that what waits can go: little, while somebody alive may have mail
    in hand.
    """
    settled, since, has_passed = _settled(), time.monotonic(), False
    while settled < until and time.monotonic() - since < FLOWS:
        time.sleep(0.1)
        if settled != (settled := _settled()):
            since, has_passed = time.monotonic(), False
        elif not has_passed and time.monotonic() - since > FLOWS / 2:
            clock.let_pass(A_MOMENT if _in_hand() else A_WHILE)
            has_passed = True


def _settled() -> int:
    anew()
    try:
        return Delivery.objects.filter(state__in=SETTLED).count()
    except DatabaseError:
        return 0


def _in_hand() -> set[tuple[int, datetime | None]]:
    anew()
    try:
        return set(Delivery.objects.in_hand().values_list("pk", "lease_until"))
    except DatabaseError:
        return set()
