"""A database and a queue of one test's own, on the servers of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import redis

from tests.parts import require_part

# The servers only: which database there, the tests decide.
POSTGRES = os.environ.get("TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432")
REDIS = os.environ.get("TEST_REDIS", "redis://127.0.0.1:6379")
# Redis has databases 0 to 15; the first ten are left to others.
FIRST_REDIS_DATABASE = 10


@contextmanager
def postgres_database() -> Iterator[str]:
    """Yield the URL of an empty PostgreSQL database, dropped afterwards."""
    try:
        server = psycopg.connect(f"{POSTGRES}/postgres", autocommit=True)
    except psycopg.OperationalError as error:
        require_part(None, f"no PostgreSQL at {urlsplit(POSTGRES).netloc}: {error}")
        raise
    name = f"portal_test_{uuid4().hex}"
    with server:
        server.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield f"{POSTGRES}/{name}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def redis_queue() -> Iterator[redis.Redis]:
    """Yield an empty Redis database, emptied again afterwards."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    queue = redis.Redis.from_url(f"{REDIS}/{FIRST_REDIS_DATABASE + int(worker) % 6}")
    try:
        queue.flushdb()
    except redis.ConnectionError as error:
        require_part(None, f"no Redis at {urlsplit(REDIS).netloc}: {error}")
    try:
        yield queue
    finally:
        queue.flushdb()
        queue.close()


def redis_url(queue: redis.Redis) -> str:
    return f"{REDIS}/{queue.connection_pool.connection_kwargs['db']}"
