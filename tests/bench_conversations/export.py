"""A long CSV file of one database: its rows, and megabytes of memory on top."""

from __future__ import annotations

import json
import resource
import sys

# What serves the portal; it sets Django up.
import deliveryportal.wsgi  # noqa: F401
from deliveryportal.accounts.models import User
from tests.bench_conversations.measuring import Visitor

ROWS = 100_000


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure() -> dict[str, float]:
    visitor = Visitor(User.objects.order_by("pk")[0])
    visitor.see("failed/")
    before, lines = peak(), 0
    response = visitor.client.get("/conversations/export.csv?everything=1&tab=failed")
    for piece in response.streaming_content:  # type: ignore[attr-defined]
        lines += piece.count(b"\r\n")
        if lines > ROWS:
            break
    response.close()
    return {"rows": lines - 1, "memory": peak() - before}


if __name__ == "__main__":
    sys.stdout.write(f"\n{json.dumps(measure())}\n")
