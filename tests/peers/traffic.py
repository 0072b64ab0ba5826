"""What a load on the bounce receiver is made of: an installation, deliveries, bounces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.peers.roles import run
from tests.peers.stores import postgres_database, redis_queue, redis_url
from tests.portal import ROOT

DOMAIN = "bounce.portal.test"
DSN = ROOT / "tests" / "data" / "bounces" / "unknown_user.eml"
OCTETS = 4096


@contextmanager
def installation() -> Iterator[dict[str, str]]:
    """Yield the environment of one with PostgreSQL and Redis."""
    with postgres_database() as database, redis_queue() as queue:
        env = {"DATABASE_URL": database, "BROKER_URL": redis_url(queue)}
        run("python", "manage.py", "migrate", "--no-input", env=env)
        yield env


def dsn(number: int) -> bytes:
    """Return a real server's report of some 4 KB, unlike every other."""
    raw = b"Message-ID: <%d@mx.test>\r\n" % number
    raw += DSN.read_bytes().replace(b"\n", b"\r\n")
    line = b"Content: " + b"x" * 62 + b"\r\n"
    return raw + line * ((OCTETS - len(raw)) // len(line))


def add_deliveries(url: str, tokens: list[str]) -> None:
    """Enter deliveries to these return paths, and nothing of what leads there."""
    with psycopg.connect(url) as database, database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no foreign keys
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = 'conversations_delivery' AND is_nullable = 'NO' "
            "AND is_identity = 'NO' AND column_default IS NULL"
        )
        values = {"integer": "0", "bigint": "0", "smallint": "0", "boolean": "false"}
        values |= {"uuid": "gen_random_uuid()", "timestamp with time zone": "now()"}
        columns = {name: values.get(kind, "''") for name, kind in cursor.fetchall()}
        columns |= {"return_token": "token", "state": "'accepted'"}
        insert = (
            f"INSERT INTO conversations_delivery ({', '.join(columns)}) "
            f"SELECT {', '.join(columns.values())} FROM unnest(%s::text[]) AS token"
        )
        cursor.execute(insert.encode(), [tokens])


def count_reports(url: str) -> int:
    with psycopg.connect(url) as database:
        found = database.execute("SELECT count(*) FROM conversations_report").fetchone()
    assert found
    return int(found[0])
