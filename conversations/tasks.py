"""The queue's two jobs. Ids in, idempotent, never retried by the queue itself."""

from __future__ import annotations

import dramatiq

from channels.announcing import announce
from conversations.bounces.recording import record_report
from conversations.delivering import deliver_lane


@dramatiq.actor(queue_name="lanes")
def work_lane(channel_id: int, sender_id: int) -> None:
    """Send one batch of a lane, then queue up again behind the other lanes."""
    if deliver_lane(channel_id, sender_id):
        announce(work_lane, channel_id, sender_id)


@dramatiq.actor(queue_name="reports")
def read_reports(*report_ids: int) -> None:
    """Read raw reports, those that came together, and record what they say."""
    for report_id in report_ids:
        record_report(report_id)
