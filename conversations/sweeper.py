from __future__ import annotations

import logging
from datetime import datetime, timedelta
from threading import Event
from time import monotonic

from django.conf import settings
from django.db import Error, close_old_connections
from django.utils.timezone import now

from conversations.models import Delivery
from conversations.sweeping import announce_timed_lanes, begin_leases_anew, sweep

logger = logging.getLogger(__name__)


# How far ahead to look for the next scheduled time; so also how long to sleep at most.
LOOK_AHEAD = timedelta(seconds=0.5)


# A greater difference between the clocks is a jump, not the time between reading them.
JUMP = timedelta(minutes=1)


class Clock:
    """Tells by how much the time of day has moved against the monotonic clock."""

    def __init__(self) -> None:
        self._offset = self._offset_now()

    @staticmethod
    def _offset_now() -> timedelta:
        return timedelta(seconds=now().timestamp() - monotonic())

    @property
    def jump(self) -> timedelta | None:
        """How far it has jumped, ahead or back, since `heeded` was last called."""
        jump = self._offset_now() - self._offset
        return jump if abs(jump) > JUMP else None

    def heeded(self) -> None:
        self._offset = self._offset_now()


def sweep_until(stop: Event) -> None:
    """Sweep every SWEEP_SECONDS until `stop` is set, whatever a sweep meets."""
    clock = Clock()
    while not stop.is_set():
        ends = monotonic() + settings.SWEEP_SECONDS
        try:
            close_old_connections()
            if jump := clock.jump:
                logger.warning("The clock has jumped by %d s", jump.total_seconds())
                begin_leases_anew()
            clock.heeded()
            at = now()
            swept = sweep()
            if swept.unconfirmed:
                logger.warning("%s", swept)
            announce_on_time(stop, ends, at)
        except Error as error:
            logger.error("This sweep failed, the next may not: %r", str(error))
        except Exception:
            # Beside the product nobody would begin this thread again.
            logger.exception("A fault of ours ended this sweep, not the next")
        stop.wait(max(0, ends - monotonic()))


def announce_on_time(stop: Event, ends: float, announced_at: datetime) -> None:
    """Until the next sweep (`ends`), announce scheduled mail at the moment it is due.

    The sweep has announced all that was due at `announced_at`. Mail that has become due
    since then is announced too, even if its moment passed while nobody looked, because
    the sweep or the machine was slow.
    """
    while not stop.is_set() and (left := ends - monotonic()) > 0:
        soon = now() + LOOK_AHEAD
        timed = Delivery.objects.due_between(announced_at, soon)
        due = timed.values_list("not_before", flat=True).first()
        until = ((due or soon) - now()).total_seconds()
        stop.wait(min(left, max(until, 0)))
        at = now()
        if due and due <= at:
            announce_timed_lanes(announced_at, at)
            announced_at = at
