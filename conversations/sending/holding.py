"""Pausing and resuming the queue, or a part of it.

Mail that is being handed over at this moment still leaves.
"""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils.timezone import now

from conversations.models import Delivery, Hold
from conversations.sending.turns import LaneId
from conversations.tasks import announce_lanes
from deliveryportal.accounts.models import User

logger = logging.getLogger(__name__)

AT_A_TIME = 500


def place(hold: Hold, by: User) -> None:
    """Pause the mail that `hold` names: what is queued, and what will be.

    A worker that has read such mail ahead will not be able to claim it.
    """
    hold.placed_by, hold.placed_at = by, now()
    hold.save()
    logger.warning("Paused by %s: %s (%r)", by.email, hold.what, hold.because)


def lift(hold: Hold, by: User) -> bool:
    """Lift the hold and announce what waited; return whether it was still in force."""
    at = now()
    if (
        not Hold.objects.in_force(at)
        .filter(pk=hold.pk)
        .update(lifted_at=at, lifted_by=by)
    ):
        return False
    logger.warning("Resumed by %s: %s", by.email, hold.what)
    transaction.on_commit(lambda: _announce(hold))
    return True


def _announce(hold: Hold) -> None:
    """Announce the lanes that waited, rather than leave that to the next sweep."""
    lanes = (
        Delivery.objects.unarchived()
        .startable(now())
        .under(hold)
        .values_list("channel_id", "sender_id")
        .distinct()
    )
    announce_lanes(LaneId(*lane) for lane in lanes[:AT_A_TIME])
