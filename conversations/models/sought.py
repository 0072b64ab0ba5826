"""Expressions that the indexes of the lists are made of, the same on each database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Upper
from django.db.models.lookups import Contains
from django.db.models.sql.compiler import SQLCompiler


class Sought(models.Func):
    """What a text search looks into, in capitals: Django's `icontains` would ask for
    upper(upper(x)), which no index has. Without fields it is what a delivery has."""

    function = "UPPER"
    arg_joiner = " || ' ' || "
    output_field = models.TextField()

    def __init__(self, *fields: str) -> None:
        super().__init__(*(fields or ("recipient", "subject")))


def with_words(words: Iterable[str], *fields: str) -> models.Q:
    """The condition that each word stands in it, in whatever case."""
    sought = Sought(*fields)
    return models.Q(*(Contains(sought, Upper(models.Value(word))) for word in words))


class Word(models.Value):
    """A word of ours that stands in the SQL itself. In a list of parameters SQLite does
    not know what its partial indexes are for."""

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str | int, ...]]:
        return f"'{self.value}'", ()


class IndexedStates(models.Func):
    """That the state is one of those that a partial index holds, where it is anyway.

    SQLite does not see by itself that one of them is among them.
    """

    output_field = models.BooleanField()

    def __init__(self, states: Iterable[str]) -> None:
        among = ", ".join(f"'{state}'" for state in states)
        super().__init__("state", template=f"%(expressions)s IN ({among})")

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str | int, ...]]:
        return "TRUE", ()


class Span(models.Func):
    """The UTC day, or a part of it, of a time: its order, but coarse.

    PostgreSQL keeps equal keys of an index once, so this index takes a third of one
    on the time itself; the few rows of a span are sorted when they are read.
    """

    letters: int  # of ISO 8601, which is how SQLite keeps a time
    unit: str

    def as_sqlite(
        self,
        compiler: SQLCompiler,
        connection: BaseDatabaseWrapper,
        **extra_context: Any,
    ) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(
            compiler, connection, template=f"SUBSTR(%(expressions)s, 1, {self.letters})"
        )

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(
            compiler,
            connection,
            template=f"DATE_TRUNC('{self.unit}', %(expressions)s AT TIME ZONE 'UTC')",
        )


class Day(Span):
    letters, unit = 10, "day"
    output_field = models.TextField()


class Hour(Span):
    """What the first indexes of this kind were made of; a migration names it."""

    letters, unit = 13, "hour"
    output_field = models.TextField()


class Bin(Span):
    """As many hours or days as `unit` says; on SQLite, where an index keeps each key
    anyway, a single one."""

    output_field = models.TextField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str | int, ...]]:
        return self.as_sql(
            compiler,
            connection,
            template=f"DATE_BIN('{self.unit}', %(expressions)s AT TIME ZONE 'UTC', "
            "TIMESTAMP '2000-01-01')",
        )


class FourHours(Bin):
    letters, unit = 13, "4 hours"


class HalfDay(Bin):
    letters, unit = 13, "12 hours"


class FourDays(Bin):
    letters, unit = 10, "4 days"
