"""Two jobs of the queue. They take ids, are idempotent, and are not retried."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import dramatiq
from django.db import Error

from channels.announcing import announce
from conversations.bounces.recording import record_report
from conversations.sending.turns import (
    LaneId,
    not_announced,
    take_turn,
    was_not_announced,
)

logger = logging.getLogger(__name__)


@dramatiq.actor(queue_name="lanes")
def work_lane(channel_id: int, sender_id: int) -> None:
    """Do a turn of the lane, and turns of others that wait for the same host.

    Lanes that have more to send are announced again, behind the others.
    """
    announce_lanes(take_turn(LaneId(channel_id, sender_id)))


@dramatiq.actor(queue_name="reports")
def read_reports(*report_ids: int) -> None:
    """Read raw reports that came together, and record what they say."""
    for report_id in report_ids:
        record_report(report_id)


def announce_lanes(lanes: Iterable[LaneId]) -> int:
    """Put lanes with due mail into the queue, unless they are in it already.

    Return how many the queue took. Never raises a DatabaseError: the mail is committed,
    and the sweeper announces later what is not announced now.
    """
    told = 0
    try:
        for lane in not_announced(lanes):
            if announce(work_lane, *lane):
                told += 1
            else:
                was_not_announced(lane)
    except Error as error:
        logger.error("Lanes are announced later than they could be: %r", str(error))
    return told
