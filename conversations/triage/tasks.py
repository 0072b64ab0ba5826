from __future__ import annotations

import dramatiq

from channels.announcing import announce
from conversations.triage.bulk import work


@dramatiq.actor(queue_name="bulk")
def work_job(job_id: int) -> None:
    """Work on a job for a while; if more is left, queue it again behind the others."""
    if work(job_id):
        announce(work_job, job_id)
