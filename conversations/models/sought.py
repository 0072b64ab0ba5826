"""Expressions and conditions for the lists' indexes, on PostgreSQL and SQLite alike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Upper
from django.db.models.lookups import Contains
from django.db.models.sql.compiler import SQLCompiler


class Sought(models.Func):
    """The text a search looks into: fields joined by blanks, upper-cased.

    Without `fields`, recipient and subject of a delivery. Django's `icontains` would
    ask for UPPER(UPPER(x)), which no index has.
    """

    function = "UPPER"
    arg_joiner = " || ' ' || "
    output_field = models.TextField()

    def __init__(self, *fields: str) -> None:
        super().__init__(*(fields or ("recipient", "subject")))


def with_words(words: Iterable[str], *fields: str) -> models.Q:
    """The condition that the searched text contains every word, in whatever case."""
    sought = Sought(*fields)
    return models.Q(*(Contains(sought, Upper(models.Value(word))) for word in words))


class Word(models.Value):
    """A constant of ours as a literal in the SQL: never for text from outside.

    With parameters, SQLite cannot tell that a partial index applies.
    """

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[str | int, ...]]:
        return f"'{self.value}'", ()


class IndexedStates(models.Func):
    """The condition that the state is one of those that a partial index holds.

    Used beside a narrower condition on the state: SQLite does not infer from that one
    that the index applies. PostgreSQL does, and gets TRUE.
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
    """A time cut down to its UTC day or part of a day: the same order, but coarse.

    PostgreSQL stores equal keys of an index once, so an index on spans takes a third
    of one on the time itself; the few rows of a span are sorted when they are read.
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
    """Not used any more, but a migration names it: the first such indexes had it."""

    letters, unit = 13, "hour"
    output_field = models.TextField()


class Bin(Span):
    """As many hours or days as `unit` says.

    On SQLite a single hour or day, as its indexes store every key anyway.
    """

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
