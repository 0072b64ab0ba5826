"""The first rows of a query in place of a whole table."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.datastructures import BaseTable

Rows = TypeVar("Rows", bound=QuerySet[Any])


def leading(rows: Rows, number: int) -> Rows:
    """The first so many in their order: a slice that can be narrowed further."""
    found = type(rows)(rows.model)
    table = found.query.get_initial_alias()
    found.query.alias_map[table] = Leading(rows, number)
    return found


class Leading(BaseTable):
    """Stands where the table's own name would: whatever is then asked for looks at no
    more than these rows, and comes upon them in their order."""

    def __init__(self, rows: QuerySet[Any], number: int) -> None:
        table = rows.model._meta.db_table
        super().__init__(table, table)
        self.rows, self.number = rows, number

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        rows, params = self.rows.query.get_compiler(connection=connection).as_sql()
        # Not told how many are read, PostgreSQL begins with the first, by their index.
        sql = f"({rows} LIMIT (SELECT {self.number:d})) {self.table_alias}"
        return sql, tuple(params)
