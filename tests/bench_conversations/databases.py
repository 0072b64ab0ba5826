"""The databases of the benchmark. They stay, so that it can be run again at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg

ROOT = Path(__file__).parent.parent.parent
POSTGRES = os.environ.get("POSTGRES", "postgres://postgres@127.0.0.1:5432")
NAME = "deliveryportal_bench_conversations"
ENVIRONMENT = {
    "PORTAL_MODE": "practice",
    "LOG_LEVEL": "WARNING",  # else a line for each mail of the bulk action
    "DJANGO_SETTINGS_MODULE": "tests.bench_conversations.settings",
}


def on_postgres(rows: int) -> str:
    """Return the address of a database of so many deliveries, made if there is none."""
    name = f"{NAME}_{rows}"
    with psycopg.connect(f"{POSTGRES}/postgres", autocommit=True) as server:
        there = server.execute(
            "SELECT FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        if there is None:
            server.execute(f"CREATE DATABASE {name}".encode())
    return _filled(f"{POSTGRES}/{name}", rows)


def on_sqlite(rows: int) -> str:
    path = ROOT / "var" / f"{NAME}_{rows}.sqlite3"
    path.parent.mkdir(exist_ok=True)
    return _filled(f"sqlite:///{path}", rows)


def _filled(database: str, rows: int) -> str:
    run(database, "rows", str(rows))
    return database


def run(database: str, module: str, *args: str) -> str:
    """Run a module beside this one on a database, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"tests.bench_conversations.{module}", *args],
        env={**os.environ, **ENVIRONMENT, "DATABASE_URL": database},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    ).stdout
