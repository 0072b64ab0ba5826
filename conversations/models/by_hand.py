"""Statements written by hand, for what happens to every mail that is written or leaves.

Django takes longer to build such a statement than the database to run it, and its
UPDATE does not tell which rows it has changed. However many rows are asked for, they
are one parameter, in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import connection, models, transaction
from psycopg.types.json import Jsonb

from channels.models.prepared import prepared_cursor


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
    telling: Rows | None = None,
) -> set[int]:
    """Change those of `ids` that are as the guards say; return which.

    With `skip_locked` those stay as they are that somebody else is changing. Rows that
    tell of them, of a column `delivery_id`, are inserted for those that were changed.
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
    parameters = [*map(_moment, values), json.dumps(list(ids))]
    if telling is None:
        return _ids(statement, parameters)
    if connection.vendor == "postgresql" and telling.are_few:
        inserted, told = telling.selected
        return _ids(
            f"WITH moved AS ({statement}), told AS (INSERT INTO {telling.into} "  # noqa: S608
            f"{inserted} WHERE {TELLS_OF} IN (SELECT id FROM moved)) "
            "SELECT id FROM moved",
            [*parameters, told],
        )
    with transaction.atomic(savepoint=False):
        moved = _ids(statement, parameters)
        insert(telling.about(moved))
    return moved


def _ids(statement: str, parameters: list[Any]) -> set[int]:
    with prepared_cursor() as cursor:
        cursor.execute(statement, parameters)
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
    wanted = among(ID)
    if skip_locked and vendor == "postgresql":
        # An array is made once; joined, the rows would be locked for each row anew.
        wanted = (
            f'= ANY(ARRAY(SELECT id FROM "{table}" WHERE id {wanted} '  # noqa: S608
            "FOR NO KEY UPDATE SKIP LOCKED))"
        )
    # Only names of columns are put into it.
    return f'UPDATE "{table}" SET {changes} WHERE {guards} AND id {wanted} RETURNING id'  # noqa: S608


# The column by which rows tell of others; and how many rows are few.
TELLS_OF = "delivery_id"
FEW = 12


class Rows(NamedTuple):
    """What is to be inserted into one table, as its driver takes it."""

    model: type[models.Model]
    columns: Sequence[str]
    values: Sequence[Sequence[Any]]

    @classmethod
    def of(
        cls,
        model: type[models.Model],
        names: tuple[str, ...],
        values: Sequence[Sequence[Any]],
    ) -> Rows:
        """Rows of values of these fields, which are named as instances have them."""
        columns, otherwise = _columns(model, names)
        if otherwise:
            values = [_adapted(row, otherwise) for row in values]
        return cls(model, columns, values)

    @classmethod
    def of_new(cls, instances: Sequence[models.Model]) -> Rows:
        """The rows of new instances that have their ids."""
        model = type(instances[0])
        names = _names(model)
        for each in instances:
            each._state.adding, each._state.db = False, connection.alias
        return cls.of(model, names, list(map(attrgetter(*names), instances)))

    @property
    def are_few(self) -> bool:
        """Whether they cost less as parameters of one statement than as a COPY."""
        return len(self.values) <= FEW

    def about(self, ids: set[int]) -> Rows:
        """Those that tell of one of these."""
        at = self.columns.index(TELLS_OF)
        return self._replace(values=[row for row in self.values if row[at] in ids])

    @property
    def into(self) -> str:
        return f'"{self.model._meta.db_table}" ({_quoted(self.columns)})'

    @property
    def selected(self) -> tuple[str, str]:
        """A statement that reads the rows out of one parameter, and the parameter."""
        if connection.vendor == "sqlite":
            values = ", ".join(f"value ->> {at}" for at in range(len(self.columns)))
            # It would take ON CONFLICT for a join's ON without the WHERE.
            statement = f"SELECT {values} FROM json_each(%s) WHERE true"  # noqa: S608
            return statement, json.dumps(self.values)
        statement = (
            f"SELECT {_quoted(self.columns)} FROM "  # noqa: S608
            f'json_populate_recordset(NULL::"{self.model._meta.db_table}", %s::json)'
        )
        rows = [dict(zip(self.columns, row, strict=True)) for row in self.values]
        return statement, json.dumps(rows, default=_in_json)


def new_ids(
    wanted: Mapping[type[models.Model], int],
) -> dict[type[models.Model], list[int]]:
    """Take ids for rows to come: what points at them need not wait for an answer.

    In the transaction that inserts them: in SQLite they are ours as long as nobody
    else writes.
    """
    found: dict[type[models.Model], list[int]] = {}
    with prepared_cursor() as cursor:
        if connection.vendor == "sqlite":
            for model, number in wanted.items():
                cursor.execute(
                    "SELECT seq FROM sqlite_sequence WHERE name = %s",
                    [model._meta.db_table],
                )
                first = (cursor.fetchone() or (0,))[0] + 1
                found[model] = list(range(first, first + number))
            return found
        each = (
            "SELECT nextval((SELECT pg_get_serial_sequence"  # noqa: S608
            f"('{model._meta.db_table}', 'id')::regclass)) "
            "FROM generate_series(1, %s::int)"
            for model in wanted
        )
        cursor.execute(" UNION ALL ".join(each), list(wanted.values()))
        ids = (pk for (pk,) in cursor.fetchall())
    return {model: list(islice(ids, number)) for model, number in wanted.items()}


def insert(*several: Rows) -> None:
    """Insert into the tables, in their order: a few rows in one trip, many by COPY."""
    filled = [rows for rows in several if rows.values]
    if not filled:
        return
    with transaction.atomic(savepoint=False), prepared_cursor() as cursor:
        if connection.vendor == "sqlite":
            for rows in filled:
                places = ", ".join(["%s"] * len(rows.columns))
                statement = f"INSERT INTO {rows.into} VALUES ({places})"  # noqa: S608
                cursor.executemany(statement, rows.values)
        elif sum(len(rows.values) for rows in filled) > FEW:
            for rows in filled:
                _copy(cursor, rows)
        else:
            selected = [rows.selected for rows in filled]
            *before, last = (
                f"INSERT INTO {rows.into} {statement}"
                for rows, (statement, _) in zip(filled, selected, strict=True)
            )
            named = ", ".join(f"t{at} AS ({each})" for at, each in enumerate(before))
            cursor.execute(
                f"WITH {named} {last}" if before else last,
                [parameter for _, parameter in selected],
            )


def _copy(cursor: Any, rows: Rows) -> None:
    statement = f"COPY {rows.into} FROM STDIN"
    with connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows.values:
            copy.write_row(row)


def insert_missing(rows: Rows, returning: str) -> list[tuple[Any, ...]]:
    """Insert those that break no constraint; return what is asked of them."""
    statement, parameter = rows.selected
    with prepared_cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {rows.into} {statement} "
            f"ON CONFLICT DO NOTHING RETURNING {returning}",
            [parameter],
        )
        return list(cursor.fetchall())


def _quoted(columns: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


@cache
def _names(model: type[models.Model]) -> tuple[str, ...]:
    fields = model._meta.concrete_fields
    return tuple(each.attname for each in fields if not each.generated)


@cache
def _columns(
    model: type[models.Model], names: tuple[str, ...]
) -> tuple[list[str], list[tuple[int, Any]]]:
    """The fields' columns, and which of them the driver wants otherwise."""
    by_name = {each.attname: each for each in model._meta.concrete_fields}
    fields = [by_name[name] for name in names]
    otherwise = _OTHERWISE[connection.vendor]
    return (
        [str(each.column) for each in fields],
        [(at, each) for at, each in enumerate(fields) if isinstance(each, otherwise)],
    )


def _adapted(row: Sequence[Any], otherwise: list[tuple[int, Any]]) -> list[Any]:
    found = list(row)
    for at, field in otherwise:
        found[at] = field.get_db_prep_save(found[at], connection)
    return found


# What a driver does not take as an instance has it.
_OTHERWISE: dict[str, tuple[type[models.Field[Any, Any]], ...]] = {
    "sqlite": (models.UUIDField, models.DateTimeField, models.JSONField),
    "postgresql": (models.JSONField,),
}


def among(each: str) -> str:
    """A condition: to be among what `each` makes of each `value` of a JSON parameter.

    An array is made once, and looked up in an index.
    """
    if connection.vendor == "sqlite":
        return f"IN (SELECT {each} FROM json_each(%s))"  # noqa: S608
    return f"= ANY(ARRAY(SELECT {each} FROM json_array_elements_text(%s::json)))"  # noqa: S608


ID = "CAST(value AS bigint)"


def _moment(value: Any) -> Any:
    is_one = isinstance(value, datetime)
    return connection.ops.adapt_datetimefield_value(value) if is_one else value


def _in_json(value: Any) -> Any:
    return value.obj if isinstance(value, Jsonb) else str(value)
