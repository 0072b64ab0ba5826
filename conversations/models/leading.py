"""A query over the first rows of another query, instead of over a whole table."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import IntegerField, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.datastructures import BaseTable

Rows = TypeVar("Rows", bound=QuerySet[Any])


def leading(rows: Rows, number: int) -> Rows:
    """The first `number` rows in their order; unlike a slice, it can be filtered."""
    found = type(rows)(rows.model)
    table = found.query.get_initial_alias()
    found.query.alias_map[table] = Leading(rows, number)
    return found


def met_among(rows: Rows, meets: Q, looked_at: int, number: int) -> Rows:
    """Up to `number` of the first rows that meet the condition, in no order.

    No more than `looked_at` rows are looked at. If they have fewer matches, and there
    are more rows, the next of those is found as well, with `unseen` 1 instead of 0.
    """
    found = type(rows)(rows.model)
    table = found.query.get_initial_alias()
    found.query.alias_map[table] = Met(rows, meets, looked_at, number)
    unseen = RawSQL("met.unseen", (), IntegerField())
    return found.annotate(unseen=unseen)


class Leading(BaseTable):
    """The first rows as a subquery in FROM, in place of the table and under its name.

    Filters then look at no more than these rows, and meet them in their order.
    """

    def __init__(self, rows: QuerySet[Any], number: int) -> None:
        table = rows.model._meta.db_table
        super().__init__(table, table)
        self.rows, self.number = rows, number

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        rows, params = self.rows.query.get_compiler(connection=connection).as_sql()
        # A LIMIT that PostgreSQL does not know when it plans makes it follow the index
        # from the first row on.
        sql = f"({rows} LIMIT (SELECT {self.number:d})) {self.table_alias}"
        return sql, tuple(params)


class Met(BaseTable):
    """The table, joined to the keys of the rows that are found.

    Only keys and whether they meet the condition go from one step to the next: with all
    columns of the rows that are looked at, it would take half as long again.
    """

    def __init__(
        self, rows: QuerySet[Any], meets: Q, looked_at: int, number: int
    ) -> None:
        table = rows.model._meta.db_table
        super().__init__(table, table)
        self.rows = rows.annotate(meets=meets).values("id", "meets")
        self.looked_at, self.number = looked_at, number

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        rows, params = self.rows.query.get_compiler(connection=connection).as_sql()
        # Both databases read `looked_at` once; PostgreSQL only as far as it is asked for.
        sql = (
            f"(WITH looked_at AS ({rows} LIMIT (SELECT {self.looked_at + 1:d})) "  # noqa: S608
            "SELECT id, 0 AS unseen "
            f"FROM (SELECT * FROM looked_at LIMIT {self.looked_at:d}) seen WHERE meets "
            "UNION ALL SELECT id, 1 "
            f"FROM (SELECT id FROM looked_at LIMIT 1 OFFSET {self.looked_at:d}) beyond "
            f"LIMIT {self.number:d}) met JOIN {self.table_alias} USING (id)"
        )
        return sql, tuple(params)
