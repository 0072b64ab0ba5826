"""How many stand in each list: exact up to a cap, so that no count reads a table."""

from __future__ import annotations

from typing import Any

from django.db.models import IntegerField, QuerySet, Subquery, Value

from deliveryportal.accounts.models import User

CAP = 999


class Capped(Subquery):
    """The number of rows, or one more than the cap where there are more."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()
    empty_result_set_value = 0

    def __init__(self, rows: QuerySet[Any]) -> None:
        # No column of theirs, so that an index alone can answer.
        one = rows.order_by().annotate(one=Value(1)).values("one")
        super().__init__(one[: CAP + 1])


class Number:
    """How many there are, once it has been counted; above the cap, only that."""

    def __init__(self) -> None:
        self.value = 0

    def __bool__(self) -> bool:
        return self.value > 0

    def __int__(self) -> int:
        return self.value

    def __str__(self) -> str:
        return str(self.value) if self.value <= CAP else f"{CAP}+"


class Counting:
    """Numbers of many lists in one query: ask for each, then `count` them all."""

    def __init__(self, user: User) -> None:
        self._user = user
        self._asked: list[tuple[Number, Capped]] = []

    def number(self, *parts: QuerySet[Any]) -> Number:
        """The number of rows of the parts together, once they are counted."""
        number = Number()
        self._asked += [(number, Capped(rows)) for rows in parts]
        return number

    def count(self) -> None:
        found = User.objects.filter(pk=self._user.pk).values_list(
            *(capped for _, capped in self._asked)
        )
        for (number, _), counted in zip(self._asked, found.get(), strict=True):
            number.value += counted
