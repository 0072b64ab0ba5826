"""How many stand in each list: exact up to a cap, so that no count reads a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from itertools import chain
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from conversations.folders import Listing

CAP = 999
CAPPED = "(SELECT COUNT(*) FROM ({rows} LIMIT {most}) AS counted)"
# With the limit in sight PostgreSQL would rather read the list until it has met so
# many, and if there are few, all of it. OFFSET 0 keeps that from its sight.
CAPPED_MATCHES = (
    "(SELECT COUNT(*) FROM (SELECT 1 FROM ({rows}{fence}) AS found "
    "LIMIT {most}) AS counted)"
)


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
    """Numbers of many lists in one query: ask for each, then `count` them all.

    Put together from the SQL of each: as expressions of one query of Django's they
    would take three times as long to write as all of them take to count.
    """

    def __init__(self) -> None:
        # Once for all that ask for the same: a list, and the tab that it is in.
        self._asked: dict[tuple[str, tuple[Any, ...]], list[Number]] = defaultdict(list)

    def number(self, *parts: QuerySet[Any]) -> Number:
        """The number of rows of the parts together, once they are counted.

        Each is read in its order, if it has any: by an index of that order.
        """
        return self._ask(CAPPED, parts)

    def matches(self, *parts: QuerySet[Any]) -> Number:
        """Likewise, where an index knows by what they are narrowed."""
        return self._ask(CAPPED_MATCHES, parts)

    def of_lists(self, rows: QuerySet[Any]) -> Callable[[Listing], Number]:
        """What asks for the number of each list's part of the rows."""
        found, params = _ones(rows)

        def ask(listing: Listing) -> Number:
            number = Number()
            for stream in listing.streams:
                clause, more = stream.where
                self._add(number, CAPPED, f"{found} AND {clause}", params + more)
            return number

        return ask

    def _ask(self, template: str, parts: tuple[QuerySet[Any], ...]) -> Number:
        number = Number()
        for part in parts:
            with suppress(EmptyResultSet):
                self._add(number, template, *_ones(part))
        return number

    def _add(
        self, number: Number, template: str, rows: str, params: tuple[Any, ...]
    ) -> None:
        fence = " OFFSET 0" if connection.vendor == "postgresql" else ""
        sql = template.format(rows=rows, most=CAP + 1, fence=fence)
        self._asked[sql, params].append(number)

    def count(self) -> None:
        if not self._asked:
            return
        counts, params = zip(*self._asked, strict=True)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {', '.join(counts)}", list(chain.from_iterable(params))
            )
            [counted] = cursor.fetchall()
        for numbers, value in zip(self._asked.values(), counted, strict=True):
            for number in numbers:
                number.value += value


def _ones(rows: QuerySet[Any]) -> tuple[str, tuple[Any, ...]]:
    """The SQL of as many rows, but of no column, so that an index alone can answer."""
    ones = rows.query.exists(limit=False)
    ones.add_ordering(*rows.query.order_by)
    sql, params = ones.sql_with_params()
    return sql, tuple(params)
