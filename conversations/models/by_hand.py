"""Statements written by hand, for what happens to every mail that leaves.

Django takes longer to build such a statement than the database to run it, and its
UPDATE does not tell which rows it has changed. However many rows there are, they are
one parameter, in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, Self

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, models
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
    new, held = (
        {n: v if isinstance(v, Sql) else Sql("", (v,)) for n, v in terms.items()}
        for terms in (changes, guards)
    )
    statement = _update(
        model,
        tuple((name, sql.text) for name, sql in new.items()),
        tuple((name, sql.text) for name, sql in held.items()),
        skip_locked,
        connection.vendor,
    )
    values = [
        value for sql in (*new.values(), *held.values()) for value in sql.parameters
    ]
    with _cursor() as cursor:
        cursor.execute(statement, [*map(_adapted, values), json.dumps(list(ids))])
        return {pk for (pk,) in cursor.fetchall()}


@cache
def _update(
    model: type[models.Model],
    new: tuple[tuple[str, str], ...],
    held: tuple[tuple[str, str], ...],
    skip_locked: bool,  # noqa: FBT001
    vendor: str,
) -> str:
    """The statement for these fields, each with its SQL or none: few there are."""
    table = model._meta.db_table

    def column(name: str) -> str:
        return f'"{model._meta.get_field(name).column}"'  # type: ignore[union-attr]

    changes = ", ".join(f"{column(name)} = {sql or '%s'}" for name, sql in new)
    guards = " AND ".join(sql or f"{column(name)} = %s" for name, sql in held)
    among = f"IN ({_EACH_ID[vendor]})"
    if skip_locked and vendor == "postgresql":
        # An array is made once; joined, the rows would be locked for each row anew.
        among = (
            f'= ANY(ARRAY(SELECT id FROM "{table}" WHERE id {among} '  # noqa: S608
            "FOR NO KEY UPDATE SKIP LOCKED))"
        )
    # Only names of columns are put into it.
    return f'UPDATE "{table}" SET {changes} WHERE {guards} AND id {among} RETURNING id'  # noqa: S608


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
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql":
        return database.cursor()
    database.ensure_connection()
    cursor: Any = _Preparing(database.connection)
    if database.queries_logged:
        return database.make_debug_cursor(cursor)
    return database.make_cursor(cursor)


_EACH_ID = {
    "sqlite": "SELECT value FROM json_each(%s)",
    "postgresql": "SELECT value::bigint FROM json_array_elements_text(%s::json)",
}


def _adapted(value: Any) -> Any:
    is_moment = isinstance(value, datetime)
    return connection.ops.adapt_datetimefield_value(value) if is_moment else value


def _moment(value: datetime) -> str:
    return str(_adapted(value))
