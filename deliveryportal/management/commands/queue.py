from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand

from conversations.watching.figures import AGES, LATER, OLDER, Figures, figures
from conversations.watching.tallying import BUCKETS
from deliveryportal.dashboard import paused

COLUMNS = [*(label for label, _ in AGES), OLDER, LATER]


class Command(BaseCommand):
    help = "Prints what waits, what is in hand and what came of the rest."

    def handle(self, *args: Any, **options: Any) -> None:
        for line in report(figures()):
            self.stdout.write(line)


def report(now: Figures) -> Iterator[str]:
    yield _row("Waiting, by how long due", COLUMNS)
    for channel in sorted({channel for channel, _ in now.queued}):
        yield _row(
            channel, [f"{now.queued.get((channel, age), 0):,}" for age in COLUMNS]
        )
    if not now.queued:
        yield "  nothing"
    yield ""
    oldest = now.oldest_due
    for words, value in (
        (
            "oldest that could go at once",
            f"{oldest.total_seconds():.1f} s" if oldest else "none",
        ),
        ("in hand", f"{now.in_hand:,}"),
        ("leases expired and not swept", f"{now.leases_expired:,}"),
        ("lanes that rest for a limit", f"{now.resting:,}"),
        ("lanes that wait for a mail server", f"{now.waiting:,}"),
        ("domains that asked us to slow down", f"{now.slowed:,}"),
        ("put off: our server takes none", f"{now.put_off:,}"),
        ("paused by an admin", paused(now)),
        (
            "clock ahead of the database's",
            f"{now.clock_ahead.total_seconds():.1f} s",
        ),
        ("bounce reports unread", f"{now.unread_reports:,}"),
        ("bounce reports unreadable", f"{now.unreadable_reports:,}"),
    ):
        yield f"{words:<34}{value:>12}"
    yield ""
    yield "Since the beginning"
    for (name, label), number in sorted(now.totals.items()):
        if name in {"events", "reports", "leases", "waits"}:
            yield f"{name + ' ' + label:<34}{number:>12,}"
    yield from _latency(now)


def _latency(now: Figures) -> Iterator[str]:
    """How many were handed over so soon after they were due, and how soon on average."""
    handed_over = now.totals.get(("latency", "+Inf"), 0)
    if not handed_over:
        return
    yield ""
    yield "From due to handed over"
    for bound in BUCKETS:
        yield f"{f'within {bound:g} s':<34}{now.totals['latency', str(bound)]:>12,}"
    average = now.totals["latency_ms", ""] / 1000 / handed_over
    yield f"{'all':<34}{handed_over:>12,}"
    yield f"{'average':<34}{f'{average:.2f} s':>12}"


def _row(head: str, cells: list[str]) -> str:
    return f"{head:<26}" + "".join(f"{cell:>14}" for cell in cells)
