"""`make bench-conversations`: the lists of Conversations over millions of deliveries.

Each page beside Django admin's own changelist over the same rows, in one run. Times
are those of a whole answer to somebody signed in; the ratios are what to watch.

ROWS (default 5,000,000) and POSTGRES (default postgres://postgres@127.0.0.1:5432)
may be set in the environment. It makes databases of its own and drops them again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg

ROWS = int(os.environ.get("ROWS", "5000000"))
FEW, ON_SQLITE = 50_000, 100_000
POSTGRES = os.environ.get("POSTGRES", "postgres://postgres@127.0.0.1:5432")
Figures = dict[str, Any]

# Most a figure may be: milliseconds (95th percentile), or a ratio.
PAGE, LIST_SQL, SEARCH_SQL, SQLITE_PAGE = 40, 1, 3, 100
BESIDE_ADMIN, LAST_BESIDE_FIRST, MANY_BESIDE_FEW, INDEXES = 5, 1.3, 1.5, 0.15


def measured(database: str, rows: int) -> Figures:
    """Fill a database and measure it, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench_pages", str(rows)],
        env={**os.environ, "DATABASE_URL": database, "PORTAL_MODE": "practice"},
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def on_postgres(rows: int) -> Figures:
    name = f"bench_conversations_{rows}"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            return measured(f"{POSTGRES}/{name}", rows)
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def say(*cells: object) -> None:
    widths = (44, 9, 9, 9, 9, 9, 9)
    line = "".join(
        f"{cell!s:<{width}}" if not number else f"{cell!s:>{width}}"
        for number, (cell, width) in enumerate(zip(cells, widths, strict=False))
    )
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def ms(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def verdict(*, kept: bool) -> str:
    return "" if kept else "over"


def report(many: Figures, few: Figures, sqlite: Figures) -> None:
    say(
        f"p95 in ms; {ROWS:,} deliveries",
        "page",
        "SQL",
        "admin",
        "ratio",
        f"at {FEW // 1000}k",
        "",
    )
    for name, page in many["pages"].items():
        admin = page.get("admin")
        small = few["pages"].get(name, {}).get("page")
        most = SEARCH_SQL if page["search"] else LIST_SQL
        kept = page["page"] <= PAGE and page["sql"] <= most
        kept &= admin is None or admin >= BESIDE_ADMIN * page["page"]
        kept &= small is None or page["page"] <= MANY_BESIDE_FEW * small
        say(
            name,
            ms(page["page"]),
            ms(page["sql"]),
            ms(admin),
            f"{admin / page['page']:.0f}x" if admin else "",
            f"{page['page'] / small:.2f}x" if small else "",
            verdict(kept=kept),
        )
    first, last = (
        many["pages"][f"failed: {page} page"] for page in ("first", "1,000th")
    )
    ratio = last["page"] / first["page"]
    say(
        "1,000th page beside the first",
        f"{ratio:.2f}x",
        verdict(kept=ratio <= LAST_BESIDE_FIRST),
    )
    say("all counts of a page, SQL", ms(many["counts"]))
    share = many["indexes"] / many["table"]
    say(
        "indexes of the lists, of the table",
        f"{share:.1%}",
        verdict(kept=share <= INDEXES),
    )
    for name, size in many["index_sizes"].items():
        say(f"  {name}", f"{size / many['table']:.2%}")
    say(
        f"CSV of {many['csv_rows']:,} rows, memory on top",
        f"{many['csv_memory']:.0f} MB",
    )
    worst = max(page["page"] for page in sqlite["pages"].values())
    say(
        f"slowest page on SQLite, {ON_SQLITE:,} rows",
        ms(worst),
        verdict(kept=worst <= SQLITE_PAGE),
    )
    say(f"made {ROWS:,} deliveries in", f"{many['made']:.0f} s")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sqlite = measured(f"sqlite:///{Path(folder) / 'bench.sqlite3'}", ON_SQLITE)
    few = on_postgres(FEW)
    report(on_postgres(ROWS), few, sqlite)


if __name__ == "__main__":
    main()
