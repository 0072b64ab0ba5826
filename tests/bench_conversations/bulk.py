"""Pages while an action is carried out on 10,000 failures by a worker of its own.

`work` is that worker. What the action changed is put back.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta

from django.db import connection

# What serves the portal; it sets Django up.
import deliveryportal.wsgi  # noqa: F401
from conversations.models import BulkJob, Delivery, DeliveryEvent
from conversations.models.state import Triage
from conversations.triage.actions import ACTIONS
from conversations.triage.beginning import begin
from conversations.triage.bulk import work
from conversations.triage.scope import Scope
from deliveryportal.accounts.models import User
from tests.bench_conversations.measuring import Visitor, p95

FAILURES = 10_000
PATHS = ("failed/", "sent/", "failed/?q=anna", "pending/")
ALONE = 30  # times each


def rounds(visitor: Visitor, times: int) -> list[float]:
    found = []
    for _ in range(times):
        for path in PATHS:
            begun = time.perf_counter()
            visitor.see(path)
            found.append((time.perf_counter() - begun) * 1000)
    return found


def begun(manager: User) -> BulkJob:
    """An action on as many of the open failures as are wanted, begun."""
    failures = (
        Delivery.objects.visible_to(manager).unresolved().order_by("-state_since")
    )
    found = list(failures.values_list("state_since", flat=True)[:FAILURES])
    day = (found[-1] + timedelta(days=1)).date()
    scope = Scope((), f"tab=failed&triage=open&since={day}")
    return begin(
        ACTIONS["decide"], scope, by=manager, options={"decision": Triage.RESOLVED}
    )


def put_back(job: BulkJob) -> None:
    ids = list(job.items.values_list("delivery", flat=True))
    Delivery.objects.filter(pk__in=ids).update(triage=Triage.OPEN)
    DeliveryEvent.objects.filter(delivery__in=ids).delete()
    job.delete()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE conversations_delivery")


def measure() -> dict[str, float]:
    manager = User.objects.order_by("pk")[0]
    visitor = Visitor(manager)
    rounds(visitor, 3)
    alone = rounds(visitor, ALONE)
    job = begun(manager)
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", __spec__.name, "work", str(job.pk)]
    ) as worker:
        beside: list[float] = []
        while worker.poll() is None:
            beside += rounds(visitor, 1)
    took = time.perf_counter() - started
    job.refresh_from_db()
    assert job.finished_at
    assert not job.skipped
    found = {
        "alone": p95(alone),
        "beside": p95(beside),
        "done": job.done,
        "seconds": took,
        "pages": len(beside),
    }
    put_back(job)
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        while work(int(sys.argv[2])):
            pass
    else:
        sys.stdout.write(f"\n{json.dumps(measure())}\n")
