"""`make bench-conversations`: the lists of Conversations over millions of deliveries.

Each page beside Django admin's own changelist of the same rows, in one run. Times are
those of whole answers to somebody signed in; SQL is timed by PostgreSQL itself. Times
change with the machine and the minute, so watch the ratios; what noise cannot bend
(statements, indexes, memory) fails the run if it is too much.

Names of parts, as in `python -m tests.bench_conversations lists`, run only those; the
table shows the last figures of each part. ROWS (5,000,000) makes it smaller. The
databases stay for the next run: dropping them has them made anew.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tests.bench_conversations.databases import ROOT, on_postgres, on_sqlite, run

ROWS = int(os.environ.get("ROWS", "5000000"))
FEW, ON_SQLITE = 50_000, 100_000
FIRST, THOUSANDTH = "failed: first page", "failed: 1,000th page"
FIGURES = ROOT / "var" / "bench_conversations.json"
Figures = dict[str, Any]

# What is promised: milliseconds (95 in 100), ratios (of medians), megabytes.
PAGE, BESIDE_ADMIN, DEEP, GROWN = 40, 5, 1.3, 1.5
LIST_SQL, SEARCH_SQL = 1, 3
# The milliseconds are those of a machine on which the admin's first page takes so many,
# or fewer.
ADMIN_FIRST = 190
UNINDEXED_SQL = 25  # what no index knows, among the latest 5,000
INDEXES, MEMORY, BESIDE_JOB, SQLITE_PAGE = 0.15, 100, 2, 100

PARTS: dict[str, Callable[[], Figures]] = {
    "few": lambda: _measured(on_postgres(FEW), "pages"),
    "lists": lambda: _measured(on_postgres(ROWS), "pages", "admin"),
    "size": lambda: _measured(on_postgres(ROWS), "sizes"),
    "export": lambda: _measured(on_postgres(ROWS), "export"),
    "bulk": lambda: _measured(on_postgres(ROWS), "bulk"),
    "sqlite": lambda: _measured(on_sqlite(ON_SQLITE), "pages"),
}


def _measured(database: str, module: str, *args: str) -> Figures:
    found: Figures = json.loads(run(database, module, *args).splitlines()[-1])
    return found


# --- the table ----------------------------------------------------------------


def say(*cells: object) -> None:
    first, *rest = map(str, cells or [""])
    sys.stdout.write(f"{first:<46}{''.join(f'{cell:>9}' for cell in rest)}\n")
    sys.stdout.flush()


def ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def slowness(figures: Figures) -> float:
    """A slow or a shared machine makes everything slower by the same factor."""
    first: float = figures.get("lists", {}).get(FIRST, {}).get("admin", ADMIN_FIRST)
    return max(first / ADMIN_FIRST, 1.0)


def table(figures: Figures) -> None:
    few = figures.get("few", {})
    say(f"ms, 95 in 100; {ROWS:,} rows", "page", "SQL", "counts", "asked", "admin", "×")
    for name, page in figures.get("lists", {}).items():
        admin = page.get("admin")
        say(
            name,
            ms(page["page"]),
            ms(page["sql"]),
            ms(page["counts"]),
            page["queries"],
            ms(admin),
            f"{admin / page['page']:.1f}" if admin else "",
            f"{page['middle'] / few[name]['middle']:.2f}" if name in few else "",
        )
    say()
    say(f"Slower than where the bounds in ms hold: × {slowness(figures):.2f}")


Promise = tuple[str, str, bool]  # what was promised, the figure, and if it is kept


def promises(figures: Figures) -> Iterator[Promise]:
    """Those of times and ratios."""
    lists, few = figures.get("lists", {}), figures.get("few", {})

    slower = slowness(figures)

    def worst(label: str, values: dict[str, float], limit: float) -> Iterator[Promise]:
        if values:
            name = max(values, key=lambda each: values[each])
            yield f"{label} ({name})", f"{values[name]:.2f}", values[name] <= limit

    def in_ms(label: str, values: dict[str, float], limit: float) -> Iterator[Promise]:
        then = {name: value / slower for name, value in values.items()}
        return worst(f"{label} ≤ {limit} ms", then, limit)

    indexed = {n: p for n, p in lists.items() if p["indexed"]}
    looked_for = {n: p for n, p in lists.items() if not p["indexed"]}
    pages = {n: p["page"] for n, p in lists.items()}
    yield from in_ms("page", pages, PAGE)
    beside = {n: p["page"] / p["admin"] for n, p in lists.items() if "admin" in p}
    for name in sorted(beside, key=lambda each: -beside[each])[:1]:
        times = 1 / beside[name]
        yield (
            f"≥ {BESIDE_ADMIN} × admin ({name})",
            f"{times:.2f}",
            times >= BESIDE_ADMIN,
        )
    if THOUSANDTH in lists:
        deep = lists[THOUSANDTH]["middle"] / lists[FIRST]["middle"]
        yield f"1,000th page ≤ {DEEP} × the first", f"{deep:.2f}", deep <= DEEP
    grown = {n: p["middle"] / few[n]["middle"] for n, p in lists.items() if n in few}
    yield from worst(f"at {ROWS:,} ≤ {GROWN} × at {FEW:,}", grown, GROWN)
    sql = {n: p["sql"] for n, p in indexed.items() if not p["search"]}
    yield from in_ms("SQL of a list", sql, LIST_SQL)
    sql = {n: p["sql"] for n, p in indexed.items() if p["search"]}
    yield from in_ms("SQL of a search", sql, SEARCH_SQL)
    sql = {n: p["sql"] for n, p in looked_for.items()}
    yield from in_ms("SQL without an index", sql, UNINDEXED_SQL)
    if bulk := figures.get("bulk"):
        ratio = bulk["beside"] / bulk["alone"]
        yield (
            f"pages beside an action on {bulk['done']:,} ≤ {BESIDE_JOB} × alone",
            f"{ratio:.2f}",
            ratio <= BESIDE_JOB,
        )
    on_sqlite = {n: p["page"] for n, p in figures.get("sqlite", {}).items()}
    yield from in_ms(f"SQLite, {ON_SQLITE:,}: page", on_sqlite, SQLITE_PAGE)


def certainties(figures: Figures) -> Iterator[Promise]:
    """Those that noise cannot bend."""
    lists, few = figures.get("lists", {}), figures.get("few", {})
    if lists:
        differing = [
            name
            for name, page in lists.items()
            if not page["queries"]
            # What is known to be empty is not read: among few rows a word may be in none.
            or (name in few and page["queries"] - few[name]["queries"] not in {0, 1})
        ]
        deep = lists.get(THOUSANDTH, lists[FIRST])
        same_on_each = lists[FIRST]["queries"] == deep["queries"]
        yield (
            "statements of a page are constant",
            ", ".join(differing) or str(lists[FIRST]["queries"]),
            not differing and same_on_each,
        )
    if size := figures.get("size"):
        share = sum(size["indexes"].values()) / size["table"]
        yield f"indexes ≤ {INDEXES:.0%} of the table", f"{share:.1%}", share <= INDEXES
    if export := figures.get("export"):
        yield (
            f"CSV of {export['rows']:,} rows < {MEMORY} MB",
            f"{export['memory']:.0f}",
            export["memory"] < MEMORY,
        )


def main(*asked: str) -> int:
    figures: Figures = {}
    if asked and FIGURES.exists():
        figures = json.loads(FIGURES.read_text())
    for part in asked or PARTS:
        figures[part] = PARTS[part]()
        FIGURES.write_text(json.dumps(figures, indent=1))
    table(figures)
    certain = list(certainties(figures))
    for what, figure, kept in [*promises(figures), *certain]:
        sys.stdout.write(f"{what:<72}{figure:>9}  {'kept' if kept else 'MISSED'}\n")
    for name, share in figures.get("size", {}).get("indexes", {}).items():
        say(f"  {name}", f"{share / figures['size']['table']:.2%}")
    return 0 if all(kept for *_, kept in certain) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
