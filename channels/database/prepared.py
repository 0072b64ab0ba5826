from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeAlias

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections

Parameters: TypeAlias = Sequence[Any] | Mapping[str, Any]


class Sql(NamedTuple):
    """A piece of SQL, or all of a statement, with a parameter for each %s."""

    text: str
    parameters: tuple[Any, ...] = ()


@cache
def on_postgresql() -> bool:
    return connections[DEFAULT_DB_ALIAS].vendor == "postgresql"


def prepared(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Run a statement, on PostgreSQL as a prepared one; return the rows it finds.

    Planning takes as long as changing a dozen rows: every partial index is weighed.
    What is prepared is planned once for each connection, where settings allow it. The
    wrappers of Django's cursors, which take a fifth of the time, are put around it only
    if somebody logs or counts queries.
    """
    if not on_postgresql():
        return planned_anew(statement, parameters)
    database = connections[DEFAULT_DB_ALIAS]
    if database.connection is None:
        database.ensure_connection()
    cursor: Any = _cursor_of(database.connection)
    if database.queries_logged:
        cursor = database.make_debug_cursor(cursor)
    elif database.execute_wrappers:
        cursor = database.make_cursor(cursor)
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        cursor.execute(statement, parameters)
        return [] if cursor.rownumber is None else cursor.fetchall()


def planned_anew(statement: str, parameters: Parameters = ()) -> list[tuple[Any, ...]]:
    """Run a statement that is not prepared: its best plan depends on the values."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _cursor_of(connection: Any) -> Preparing:
    """The connection's own, made once: to set up another takes a tenth of a statement."""
    if (cursor := getattr(connection, "preparing", None)) is None:
        cursor = connection.preparing = Preparing(connection)
    return cursor


class Preparing(psycopg.Cursor[Any]):
    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
        return super().execute(query, params, prepare=True, **kwargs)


def moment(value: Any) -> Any:
    """Return a datetime as the database's driver takes it, anything else as it is."""
    is_one = isinstance(value, datetime)
    return connection.ops.adapt_datetimefield_value(value) if is_one else value
