"""One database filled and measured; prints its figures as JSON for bench_conversations."""

from __future__ import annotations

import json
import os
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "deliveryportal.settings")
django.setup()

from django.contrib.admin import AdminSite, ModelAdmin  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client, RequestFactory  # noqa: E402

from channels.models import EmailIdentity  # noqa: E402
from conversations.models import Delivery  # noqa: E402
from conversations.models.list_indexes import FAILURES  # noqa: E402
from conversations.paging import Cursor  # noqa: E402
from deliveryportal.accounts.models import User  # noqa: E402
from tests.bench_rows import fill  # noqa: E402

TIMES, WARM = 30, 3
PAIR_TIMES = 5
ROWS_OF_PAGE = 50
CSV_ROWS = 100_000


if TYPE_CHECKING:
    Changelist = ModelAdmin[Delivery]
else:
    Changelist = ModelAdmin


class OwnAdmin(Changelist):
    """Django admin's own changelist: the same columns, order and search."""

    list_display = ["recipient", "subject", "sender", "state", "reason", "state_since"]
    list_select_related = ["message", "sender", "channel"]
    list_per_page = ROWS_OF_PAGE
    ordering = ["-state_since"]
    search_fields = ["recipient", "subject"]
    show_full_result_count = False

    def has_view_permission(self, request: object, obj: object = None) -> bool:
        return True

    has_change_permission = has_view_permission


class Statements:
    """How long each statement of a request took, told apart by what it is for."""

    def __init__(self) -> None:
        self.lists: list[float] = []
        self.counts: list[float] = []

    def __call__(self, execute: Any, sql: str, *rest: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, *rest)
        finally:
            took = (time.perf_counter() - begun) * 1000
            if "AS counted)" in sql:
                self.counts.append(took)
            elif re.search(r"conversations_delivery.*ORDER BY.*LIMIT", sql):
                self.lists.append(took)


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def timed(work: Callable[[], object], times: int) -> list[float]:
    for _ in range(WARM):
        work()
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        found.append((time.perf_counter() - begun) * 1000)
    return found


class Bench:
    def __init__(self) -> None:
        self.manager = User.objects.order_by("pk")[0]
        self.member = User.objects.order_by("pk")[1]
        self.site = AdminSite()
        self.admin = OwnAdmin(Delivery, self.site)
        self.counts: list[float] = []
        self.pages: dict[str, dict[str, Any]] = {}

    def measure(
        self,
        name: str,
        path: str,
        *,
        by: User | None = None,
        beside: dict[str, Any] | None = None,
        times: int = TIMES,
    ) -> float:
        """Measure a page, and beside it the changelist narrowed to the same rows."""
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(by or self.manager)
        statements = Statements()

        def page() -> None:
            response = client.get(f"/conversations/{path}")
            assert response.status_code == 200, path

        with connection.execute_wrapper(statements):
            took = p95(timed(page, times))
        self.counts += statements.counts
        # Of several lists of a page, the sum: each statement ran as often as another.
        runs = times + WARM
        each = len(statements.lists) // runs
        sums = [
            sum(statements.lists[i * each : (i + 1) * each]) for i in range(WARM, runs)
        ]
        figures = {"page": took, "sql": p95(sums), "search": "q=" in path}
        if beside is not None:
            figures["admin"] = p95(timed(lambda: self.changelist(beside), 3))
        self.pages[name] = figures
        return took

    def changelist(self, query: dict[str, Any]) -> None:
        request = RequestFactory().get("/", query)
        request.user = self.manager
        self.admin.changelist_view(request).render()  # type: ignore[attr-defined]

    def run(self) -> None:
        team = {"team__id__exact": self.manager.team_id}
        failed = {
            **team,
            "state__in": ",".join(FAILURES),
            "archived_at__isnull": "True",
        }
        accepted = {**team, "state__exact": "accepted", "archived_at__isnull": "True"}
        mine = {"sender__id__exact": self.member.pk}
        self.measure("failed: first page", "failed/", beside=failed)
        deep = self.deep_page()
        if deep:
            self.measure(
                "failed: 1,000th page",
                f"failed/?after={deep}",
                beside={**failed, "p": 1000},
            )
        self.measure(
            "failed: oldest page", "failed/?end=1", beside={**failed, "o": "6"}
        )
        for key in ("failed", "bounced", "spam", "unconfirmed"):
            self.measure(f"failed: list {key}", f"failed/?list={key}", beside=failed)
        filters = self.filters()
        for query, lookups in filters.items():
            key = query.partition("=")[0]
            beside = {**failed, **lookups}
            self.measure(
                f"failed: filter {key} {query.partition('=')[2][:12]}",
                f"failed/?{query}",
                beside=beside,
            )
        self.worst_pair(list(filters), failed, filters)
        for words, kind in (
            ("anna", "common"),
            ("zeno.sato99", "rare"),
            ("nobody.here", "none"),
        ):
            self.measure(
                f"failed: search, {kind} word",
                f"failed/?q={words}",
                beside={**failed, "q": words},
            )
        self.measure(
            "failed: a member's own",
            "failed/",
            by=self.member,
            beside={**failed, **mine},
        )
        self.measure("sent: first page", "sent/", beside=accepted)
        self.measure("sent: oldest page", "sent/?end=1", beside=accepted)
        self.measure(
            "sent: a member's own", "sent/", by=self.member, beside={**accepted, **mine}
        )
        self.measure(
            "sent: viewed as a member",
            f"sent/?member={self.member.pk}",
            beside={**accepted, **mine},
        )
        self.measure("sent: handed over", "sent/?list=handed-over", beside=accepted)
        self.measure("sent: archived", "sent/?list=archived", beside=team)
        self.measure(
            "pending: first page", "pending/", beside={**team, "state__exact": "queued"}
        )
        self.measure(
            "sent: search, common word",
            "sent/?q=anna",
            beside={**accepted, "q": "anna"},
        )

    def deep_page(self) -> Cursor | None:
        rows = Delivery.objects.visible_to(self.manager).filter(
            state__in=FAILURES, archived_at=None
        )
        before = 999 * ROWS_OF_PAGE
        found = rows.order_by("-state_since", "-pk")[before - 1 : before]
        return next((Cursor.of(row) for row in found), None)

    def filters(self) -> dict[str, dict[str, Any]]:
        """Each filter with a value, and the changelist's name for it."""
        identity = EmailIdentity.objects.get(owner=self.member)
        return {
            f"member={self.member.pk}": {"sender__id__exact": self.member.pk},
            "channel=gmail": {"channel_kind__exact": "gmail"},
            f"identity={identity.uuid}": {"from_address__exact": identity.address},
            "reason=mailbox_full": {"reason__exact": "mailbox_full"},
            "reason=complaint": {"reason__exact": "complaint"},
            "triage=open": {"triage__exact": "open"},
            "triage=lost": {"triage__exact": "lost"},
            "when=30": {},
            "until=2026-01-31": {},
        }

    def worst_pair(
        self,
        filters: list[str],
        failed: dict[str, Any],
        lookups: dict[str, dict[str, Any]],
    ) -> None:
        pairs = [
            pair
            for pair in combinations([*filters, "q=zeno"], 2)
            if len({each.partition("=")[0] for each in pair}) == 2
        ]
        took = {
            pair: self.measure("pair", f"failed/?{'&'.join(pair)}", times=PAIR_TIMES)
            for pair in pairs
        }
        del self.pages["pair"]
        worst = max(took, key=lambda pair: took[pair])
        beside = {**failed, **lookups.get(worst[0], {}), **lookups.get(worst[1], {})}
        names = " and ".join(each[:18] for each in worst)
        self.measure(
            f"failed: worst pair, {names}", f"failed/?{'&'.join(worst)}", beside=beside
        )


def csv_memory(manager: User) -> tuple[int, float]:
    """Stream a file of CSV_ROWS rows, or what there is; megabytes it took on top."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(manager)

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    before, lines = peak(), 0
    response = client.get(f"/conversations/failed/export.csv?{urlencode({'sort': ''})}")
    for piece in response.streaming_content:  # type: ignore[attr-defined]
        lines += piece.count(b"\r\n")
        if lines > CSV_ROWS:
            break
    response.close()
    return lines - 1, peak() - before


def sizes() -> dict[str, Any]:
    if connection.vendor != "postgresql":
        return {"table": 1, "indexes": 0, "index_sizes": {}}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_relation_size(c.oid) FROM pg_class c JOIN pg_index i "
            "ON i.indexrelid = c.oid WHERE indrelid = 'conversations_delivery'::regclass "
            "AND relname LIKE 'conv\\_%' AND relname NOT LIKE 'conv\\_delivery\\_%' "
            "ORDER BY 2 DESC"
        )
        found = dict(cursor.fetchall())
        cursor.execute("SELECT pg_table_size('conversations_delivery')")
        [(table,)] = cursor.fetchall()
    return {"table": table, "indexes": sum(found.values()), "index_sizes": found}


@contextmanager
def quiet() -> Iterator[None]:
    """Only the figures go to stdout."""
    stdout, sys.stdout = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout = stdout


def main() -> None:
    with quiet():
        call_command("migrate", verbosity=0)
        begun = time.perf_counter()
        fill(int(sys.argv[1]))
        made = time.perf_counter() - begun
        bench = Bench()
        csv_rows, memory = csv_memory(bench.manager)
        bench.run()
    figures = {
        "pages": bench.pages,
        "counts": p95(bench.counts),
        "made": made,
        "csv_rows": csv_rows,
        "csv_memory": memory,
        **sizes(),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
