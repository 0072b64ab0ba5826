"""Time passes quickly once nothing breaks any more."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection

from channels.connecting import resume
from channels.models import Allowance, Channel
from conversations.models import Delivery
from conversations.models.delivery import State

# Past by every clock, however it has jumped.
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def anew() -> None:
    """The database may have been restarted since the rig last asked it anything."""
    connection.close()


def let_all_be_due() -> None:
    """What waits for its next try has it now, and channels that paused go on."""
    anew()
    for channel in Channel.objects.filter(health=Channel.Health.PAUSED):
        resume(channel)
    Allowance.objects.exclude(held_until=None).update(held_until=None)
    Delivery.objects.filter(state=State.QUEUED, not_before__gt=LONG_AGO).update(
        not_before=LONG_AGO
    )


def leases_are_ended() -> bool:
    anew()
    return not Delivery.objects.in_hand().exists()


def end_leases() -> None:
    """Whoever holds mail is gone, or has slept too long."""
    anew()
    Delivery.objects.in_hand().update(lease_until=LONG_AGO)
