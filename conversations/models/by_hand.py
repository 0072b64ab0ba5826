"""Statements written by hand, for what happens to every mail that leaves.

Django takes longer to build such a statement than the database to run it, and its
UPDATE does not tell which rows it has changed. However many rows there are, they are
one parameter, in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Self

import psycopg
from django.db import connection, models
from django.db.backends.utils import CursorWrapper


class Sql(NamedTuple):
    """SQL of the row's values before, and of a parameter for each %s.

    Among changes it is a new value, among guards a condition.
    """

    text: str
    parameters: tuple[Any, ...] = ()


def update_returning(
    model: type[models.Model],
    ids: Iterable[int],
    *,
    guards: Mapping[str, Any],
    changes: Mapping[str, Any],
    skip_locked: bool = False,
) -> set[int]:
    """Change those of `ids` that are as the guards say; return which.

    With `skip_locked` those stay as they are that somebody else is changing.
    """
    parameters: list[Any] = []

    def sql(name: str, value: Any, *, whole: bool = False) -> str:
        field: Any = model._meta.get_field(name)
        text, values = value if isinstance(value, Sql) else ("%s", [value])
        parameters.extend(field.get_db_prep_save(each, connection) for each in values)
        return text if whole else f'"{field.column}" = {text}'

    new = ", ".join(sql(name, value) for name, value in changes.items())
    held = " AND ".join(
        sql(name, value, whole=isinstance(value, Sql)) for name, value in guards.items()
    )
    parameters.append(json.dumps(list(ids)))
    among = f"IN ({_EACH_ID[connection.vendor]})"
    if skip_locked and connection.features.has_select_for_update_skip_locked:
        # An array is made once; joined, the rows would be locked for each row anew.
        among = (
            f'= ANY(ARRAY(SELECT id FROM "{model._meta.db_table}" WHERE id {among} '  # noqa: S608
            "FOR NO KEY UPDATE SKIP LOCKED))"
        )
    # Only names of columns are put into it.
    statement = (
        f'UPDATE "{model._meta.db_table}" SET {new} '  # noqa: S608
        f"WHERE {held} AND id {among} "
        "RETURNING id"
    )
    with _cursor() as cursor:
        cursor.execute(statement, parameters)
        return {pk for (pk,) in cursor.fetchall()}


def insert(
    model: type[models.Model], columns: Mapping[str, str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert the rows; `columns` are named with what they are in PostgreSQL."""
    if not rows:
        return
    if connection.vendor == "sqlite":
        values = ", ".join(f"value ->> {at}" for at in range(len(columns)))
        each = "json_each(%s)"
    else:
        values = ", ".join(
            f"(value ->> {at})::{kind}" for at, kind in enumerate(columns.values())
        )
        each = "json_array_elements(%s::json)"
    statement = (
        f'INSERT INTO "{model._meta.db_table}" ({", ".join(columns)}) '  # noqa: S608
        f"SELECT {values} FROM {each}"
    )
    with _cursor() as cursor:
        cursor.execute(statement, [json.dumps(rows, default=_moment)])


class _Preparing(psycopg.Cursor[Any]):
    """Prepares its statement once for each connection, where settings allow it.

    Planning one takes as long as changing a dozen rows: every partial index is weighed.
    """

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Self:
        return super().execute(query, params, **{**kwargs, "prepare": True})


def _cursor() -> CursorWrapper:
    """A cursor of Django's, for its errors and its log; preparing on PostgreSQL."""
    if connection.vendor != "postgresql":
        return connection.cursor()
    connection.ensure_connection()
    cursor: Any = _Preparing(connection.connection)
    if connection.queries_logged:
        return connection.make_debug_cursor(cursor)
    return connection.make_cursor(cursor)


_EACH_ID = {
    "sqlite": "SELECT value FROM json_each(%s)",
    "postgresql": "SELECT value::bigint FROM json_array_elements_text(%s::json)",
}


def _moment(value: datetime) -> str:
    return str(connection.ops.adapt_datetimefield_value(value))
