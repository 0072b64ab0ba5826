"""How many stand in each list: exact up to a cap, so that no count reads a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import IntegerField, QuerySet, Subquery, Value
from django.db.models.sql.compiler import SQLCompiler

from deliveryportal.accounts.models import User

CAP = 999


class Capped(Subquery):
    """The number of rows, or one more than the cap where there are more."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()
    empty_result_set_value = 0

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(_ones(rows)[: CAP + 1])


class CappedMatches(Subquery):
    """Likewise, of rows narrowed by filters that an index knows.

    With the limit in sight PostgreSQL would rather read the list until it has met
    so many, and if there are few, all of it. OFFSET 0 keeps that from its sight.
    """

    template = (
        "(SELECT COUNT(*) FROM (SELECT 1 FROM (%(subquery)s %(fence)s) AS found "
        "LIMIT %(limit)s) AS counted)"
    )
    output_field = IntegerField()
    empty_result_set_value = 0

    def __init__(self, rows: QuerySet[Any]) -> None:
        super().__init__(_ones(rows))

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *_: Any, **__: Any
    ) -> tuple[str, tuple[Any, ...]]:
        fence = "OFFSET 0" if connection.vendor == "postgresql" else ""
        return super().as_sql(
            compiler, connection, self.template, fence=fence, limit=CAP + 1
        )


def _ones(rows: QuerySet[Any]) -> QuerySet[Any]:
    """No column of theirs, so that an index alone can answer."""
    ones: QuerySet[Any] = rows.order_by().annotate(one=Value(1)).values("one")
    return ones


class Number:
    """How many there are, once it has been counted; above the cap, or where there are
    `more` than was looked at, only that."""

    def __init__(self, value: int = 0, *, more: bool = False) -> None:
        self.value, self.more = value, more

    def __bool__(self) -> bool:
        return self.value > 0

    @property
    def is_exact(self) -> bool:
        return self.value <= CAP and not self.more

    def __int__(self) -> int:
        return self.value

    def __str__(self) -> str:
        return str(self.value) if self.is_exact else f"{min(self.value, CAP)}+"


class Counting:
    """Numbers of many lists in one query: ask for each, then `count` them all."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._asked: list[tuple[Number, Subquery]] = []

    def number(self, *parts: QuerySet[Any]) -> Number:
        """The number of rows of the parts together, once they are counted."""
        return self._ask(map(Capped, parts))

    def matches(self, *parts: QuerySet[Any]) -> Number:
        """Likewise, where an index knows by what they are narrowed."""
        return self._ask(map(CappedMatches, parts))

    def _ask(self, subqueries: Iterable[Subquery]) -> Number:
        number = Number()
        self._asked += [(number, each) for each in subqueries]
        return number

    def count(self) -> None:
        found = User.objects.filter(pk=self._user.pk).values_list(
            *(capped for _, capped in self._asked)
        )
        for (number, _), counted in zip(self._asked, found.get(), strict=True):
            number.value += counted
