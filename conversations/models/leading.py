"""A query over the first rows of another query, instead of over a whole table."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.datastructures import BaseTable

Rows = TypeVar("Rows", bound=QuerySet[Any])


def leading(rows: Rows, number: int) -> Rows:
    """The first `number` rows in their order; unlike a slice, it can be filtered."""
    found = type(rows)(rows.model)
    table = found.query.get_initial_alias()
    found.query.alias_map[table] = Leading(rows, number)
    return found


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
