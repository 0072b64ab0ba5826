"""Who waits for whom in PostgreSQL."""

from __future__ import annotations

from django.db import connection


def somebody_waits_for_us() -> bool:
    """Whether another transaction waits until this one is over."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM pg_locks AS wanted JOIN pg_locks AS ours USING (transactionid) "
            "WHERE NOT wanted.granted AND ours.granted AND ours.pid = pg_backend_pid()"
        )
        return cursor.fetchone() is not None
