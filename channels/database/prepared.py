from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeAlias

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]


@cache
def on_postgresql() -> bool:
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def prepared(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Run a statement, on PostgreSQL as a prepared one; return the rows it finds.

    Planning one takes as long as changing a dozen rows: every partial index is weighed.
    It is prepared once for each connection, where settings allow it. The wrapping of
    Django's cursors, a fifth of what asking takes, is left to those who log or count.
    """
    if not on_postgresql():
        return planned_anew(statement, parameters)
    database = connections[DEFAULT_DB_ALIAS]
    if database.connection is None:
        database.ensure_connection()
    cursor: Any = Preparing(database.connection)
    if database.queries_logged:
        cursor = database.make_debug_cursor(cursor)
    elif database.execute_wrappers:
        cursor = database.make_cursor(cursor)
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        cursor.execute(statement, parameters)
        return [] if cursor.rownumber is None else cursor.fetchall()


def planned_anew(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Likewise, where the best plan depends on the values."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


class Preparing(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
        return super().execute(query, params, prepare=True, **kwargs)


def moment(value: Any) -> Any:
    """The value as a driver takes it, if it is a moment."""
    is_one = isinstance(value, datetime)
    return connection.ops.adapt_datetimefield_value(value) if is_one else value
