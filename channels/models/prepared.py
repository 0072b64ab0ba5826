from __future__ import annotations

from datetime import datetime
from typing import Any, Self

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.utils import CursorWrapper


class _Preparing(psycopg.Cursor[Any]):
    """Prepares its statement once for each connection, where settings allow it.

    Planning one takes as long as changing a dozen rows: every partial index is weighed.
    """

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Self:
        return super().execute(query, params, **{**kwargs, "prepare": True})


def prepared_cursor() -> CursorWrapper:
    """A cursor of Django's, for its errors and its log; preparing on PostgreSQL."""
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql":
        return database.cursor()
    database.ensure_connection()
    cursor: Any = _Preparing(database.connection)
    if database.queries_logged:
        return database.make_debug_cursor(cursor)
    return database.make_cursor(cursor)


def change(statement: str, *parameters: Any) -> int:
    """Run a statement of one's own; return how many rows it has changed."""
    with prepared_cursor() as cursor:
        cursor.execute(statement, [moment(value) for value in parameters])
        return int(cursor.rowcount)


def moment(value: Any) -> Any:
    """The value as a driver takes it, if it is a moment."""
    is_one = isinstance(value, datetime)
    return connection.ops.adapt_datetimefield_value(value) if is_one else value
