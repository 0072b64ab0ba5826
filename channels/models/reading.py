"""Reading by a statement of one's own, at a fraction of what Django's `raw` takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.db import connection, models

from channels.models.prepared import prepared_cursor

M = TypeVar("M", bound=models.Model)


class Joined(NamedTuple):
    """What a foreign key leads to, read with it; its columns stand as `{name}`."""

    name: str
    model: type[models.Model]
    only: tuple[str, ...]


def instances(
    model: type[M],
    statement: str,
    parameters: Sequence[Any],
    *,
    annotated: Sequence[str] = (),
    only: tuple[str, ...] = (),
    joined: Joined | None = None,
) -> list[M]:
    """What the statement finds. It selects `{columns}`, those of what is `joined`, and
    then what is `annotated`.

    With `only` these fields of it; others are read when they are asked for.
    """
    names, columns, conversions = _fields(model, only)
    end, theirs = len(names), ""
    if joined:
        their_names, theirs, their_conversions = _fields(joined.model, joined.only)
        conversions = [*conversions, *((end + at, c) for at, c in their_conversions)]
        end += len(their_names)
        statement = statement.replace(f"{{{joined.name}}}", theirs)
    with prepared_cursor() as cursor:
        cursor.execute(statement.replace("{columns}", columns), parameters)
        rows = cursor.fetchall()
    found = []
    for row in rows:
        values = list(row)
        for at, convert in conversions:
            values[at] = convert(values[at])
        one = model.from_db(connection.alias, names, values[: len(names)])
        if joined:
            other = joined.model.from_db(
                connection.alias, their_names, values[len(names) : end]
            )
            one._state.fields_cache[joined.name] = other
        for name, value in zip(annotated, values[end:], strict=True):
            setattr(one, name, value)
        found.append(one)
    return found


@cache
def _fields(
    model: type[models.Model], only: tuple[str, ...]
) -> tuple[list[str], str, list[tuple[int, Callable[[Any], Any]]]]:
    """The names of its fields, its columns, and what is to be made of their values."""
    table = model._meta.db_table
    columns = [
        field.get_col(table)
        for field in model._meta.concrete_fields
        if not only or field.attname in only
    ]
    conversions: list[tuple[int, Callable[[Any], Any]]] = [
        (at, _bound(convert, column))
        for at, column in enumerate(columns)
        for convert in (
            *connection.ops.get_db_converters(column),
            *column.get_db_converters(connection),
        )
    ]
    names = [column.target.attname for column in columns]
    quoted = ", ".join(f'"{table}"."{column.target.column}"' for column in columns)
    return names, quoted, conversions


def _bound(convert: Callable[..., Any], column: Any) -> Callable[[Any], Any]:
    return lambda value: convert(value, column, connection)
