"""Reading rows by prepared statements, written by Django or by hand: much faster than
its querysets and its `raw`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection, models
from django.db.models.expressions import Col

from channels.database.prepared import Parameters, planned_anew, prepared

M = TypeVar("M", bound=models.Model)


def found(rows: models.QuerySet[M], at_most: int, *, once: bool = True) -> list[M]:
    """Return the query's first rows, with what is annotated; nothing is prefetched.

    Only for an order that an index has, whatever the values: PostgreSQL is not told how
    many rows are read, so its plan is to begin with the first. It plans `once` for all
    values, or anew for these.
    """
    compiler, answer = _answered(rows, at_most, prepared if once else planned_anew)
    if not answer:
        return []
    own = len(compiler.klass_info["select_fields"])
    names = [column.target.attname for column, *_ in compiler.select[:own]]
    instances = []
    for row in answer:
        one = rows.model.from_db(DEFAULT_DB_ALIAS, names, row[:own])
        for name, at in compiler.annotation_col_map.items():
            setattr(one, name, row[at])
        instances.append(one)
    return instances


def values(
    rows: models.QuerySet[Any, tuple[Any, ...]], at_most: int
) -> list[tuple[Any, ...]]:
    """Return the first rows of a query for a list of values."""
    return _answered(rows, at_most, prepared)[1]


def _answered(
    rows: models.QuerySet[Any, Any],
    at_most: int,
    ask: Callable[[str, Parameters], list[tuple[Any, ...]]],
) -> tuple[Any, list[tuple[Any, ...]]]:
    compiler: Any = rows.query.get_compiler(DEFAULT_DB_ALIAS)
    try:
        sql, parameters = compiler.as_sql()
    except EmptyResultSet:
        return compiler, []
    answer = ask(f"{sql} LIMIT (SELECT {at_most:d})", parameters)
    return compiler, list(compiler.results_iter([answer], tuple_expected=True))


class Columns(NamedTuple):
    """Columns of a model: its fields' names, and by position what converts a value."""

    names: list[str]
    conversions: list[tuple[int, Callable[[Any], Any]]]

    @classmethod
    def of(cls, columns: Iterable[Col]) -> Columns:
        columns = list(columns)
        return cls(
            [column.target.attname for column in columns],
            [
                (at, _bound(convert, column))
                for at, column in enumerate(columns)
                for convert in (
                    *connection.ops.get_db_converters(column),
                    *column.get_db_converters(connection),
                )
            ],
        )


class Joined(NamedTuple):
    """A related row that is read along; `{name}` stands for its columns."""

    name: str
    model: type[models.Model]
    only: tuple[str, ...]


def instances(
    model: type[M],
    statement: str,
    parameters: Parameters,
    *,
    annotated: Sequence[str] = (),
    only: tuple[str, ...] = (),
    joined: Joined | None = None,
) -> list[M]:
    """Return the instances that the statement finds.

    It selects `{columns}`, then those of what is `joined`, then what is `annotated`.
    With `only`, those are just these fields; others are read when they are asked for.
    """
    quoted, columns = _columns_of(model, only)
    statement = statement.replace("{columns}", quoted)
    if joined:
        theirs, _ = _columns_of(joined.model, joined.only)
        statement = statement.replace(f"{{{joined.name}}}", theirs)
    return read(model, statement, parameters, columns, annotated, joined)


def read(
    model: type[M],
    statement: str,
    parameters: Parameters,
    columns: Columns,
    annotated: Sequence[str] = (),
    joined: Joined | None = None,
) -> list[M]:
    """Return the instances that a statement finds which selects these columns."""
    names, conversions = columns
    own = end = len(names)
    if joined:
        _, (their_names, theirs) = _columns_of(joined.model, joined.only)
        conversions = [*conversions, *((own + at, convert) for at, convert in theirs)]
        end += len(their_names)
    found = []
    for row in prepared(statement, parameters):
        values = list(row)
        for at, convert in conversions:
            values[at] = convert(values[at])
        one = model.from_db(DEFAULT_DB_ALIAS, names, values[:own])
        if joined:
            one._state.fields_cache[joined.name] = joined.model.from_db(
                DEFAULT_DB_ALIAS, their_names, values[own:end]
            )
        for name, value in zip(annotated, values[end:], strict=True):
            setattr(one, name, value)
        found.append(one)
    return found


@cache
def _columns_of(
    model: type[models.Model], only: tuple[str, ...]
) -> tuple[str, Columns]:
    """Return the columns of its fields as SQL, and how they are read."""
    table = model._meta.db_table
    columns = [
        field.get_col(table)
        for field in model._meta.concrete_fields
        if not only or field.attname in only
    ]
    quoted = ", ".join(f'"{table}"."{column.target.column}"' for column in columns)
    return quoted, Columns.of(columns)


def _bound(convert: Callable[..., Any], column: Any) -> Callable[[Any], Any]:
    return lambda value: convert(value, column, connection)
