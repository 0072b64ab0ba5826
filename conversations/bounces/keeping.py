"""Inserting any number of reports by one statement, which is one commit.

`bulk_create` would make three trips and take twice the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection, models

from conversations.models import Delivery, Report

Key = tuple[str, str]  # return_token and digest


class Row(NamedTuple):
    """The columns of a report that has not been read yet; the others have defaults."""

    uuid: UUID
    return_token: str
    digest: str
    raw: bytes
    received_at: datetime
    source: str


class Kept(NamedTuple):
    """The ids of a new report and of the delivery whose return path it came to."""

    report: int
    delivery: int | None


def keep(rows: Sequence[Row]) -> dict[Key, Kept]:
    """Insert the reports, except those that are there already; return the new ones."""
    insert = _as_arrays if connection.vendor == "postgresql" else _as_values
    return {(token, digest): Kept(*ids) for token, digest, *ids in insert(rows)}


def _as_arrays(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Insert on PostgreSQL, with the columns as arrays and the mails as binary.

    Django would write the mails into the statement as hexadecimal digits, which takes
    both sides twice the time.
    """
    into, unread, back = _statement()
    types = ("uuid", "text", "text", "bytea", "timestamptz", "text")
    arrays = ", ".join(f"%b::{each}[]" for each in types)
    connection.ensure_connection()
    with (
        connection.wrap_database_errors,
        psycopg.Cursor(connection.connection) as cursor,
    ):
        cursor.execute(
            f"{into} SELECT given.*, {unread} "  # noqa: S608 - no value is in it
            f"FROM unnest({arrays}) AS given {back}".encode(),
            [list(column) for column in zip(*rows, strict=True)],
        )
        return cursor.fetchall()


def _as_values(rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    into, unread, back = _statement()
    places = f"({', '.join(['%s'] * len(Row._fields))}, {unread})"
    prepare = [_field(name).get_db_prep_save for name in Row._fields]
    values = [
        prepared(value, connection)
        for row in rows
        for prepared, value in zip(prepare, row, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"{into} VALUES {', '.join([places] * len(rows))} {back}", values
        )
        return list(cursor.fetchall())


def _field(name: str) -> models.Field[Any, Any]:
    field = Report._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field


@cache
def _statement() -> tuple[str, str, str]:
    """Return the SQL before the rows, the end of each row, and the SQL after them.

    The end of a row has the defaults of the fields that are not in `Row`.
    """
    quote = connection.ops.quote_name
    unread = [
        field
        for field in Report._meta.local_concrete_fields
        if not field.primary_key and field.attname not in Row._fields
    ]
    columns = ", ".join(
        quote(str(name)) for name in (*Row._fields, *(each.column for each in unread))
    )
    table = quote(Report._meta.db_table)
    into = f"INSERT INTO {table} ({columns})"
    delivery = (
        f"SELECT id FROM {quote(Delivery._meta.db_table)} delivery "  # noqa: S608
        f"WHERE delivery.return_token = {table}.return_token"
    )
    defaults = ", ".join(_literal(field.get_default()) for field in unread)
    return (
        into,
        defaults,
        f"ON CONFLICT DO NOTHING RETURNING return_token, digest, id, ({delivery})",
    )


def _literal(default: object) -> str:
    return "NULL" if default is None else f"'{default}'"
