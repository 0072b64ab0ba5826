"""One page of a list, found by the row it begins after (keyset pagination).

So the last page is as quick as the first. The place is in the address: a page can be
shared, and stays the same while newer mail comes in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Generic, NamedTuple, Self, TypeAlias, TypeVar

from django.db.models import (
    Lookup,
    OrderBy,
    Q,
    QuerySet,
    Value,
)
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.http import QueryDict

from channels.database.reading import found
from conversations.lists.microseconds import moment_of, number_of
from conversations.models import Delivery, Draft
from conversations.models.leading import leading, met_among
from conversations.models.sought import Span

# A row of a list; its model names the datetime field that it is `listed_by`.
Row = TypeVar("Row", Delivery, Draft)

# What no index answers is looked for among this many rows at a time. PostgreSQL looks
# at a thousand in 3 ms, so a page that reads two indexes is found within 40 ms.
REACH = 5_000
# The usual order of lists: by the model's `listed_by`.
DATE = ""
CURSOR = re.compile(r"(\d{1,17})-(\d{1,18})")


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A row's place in the order: its date, and its key where dates are equal."""

    at: datetime
    pk: int

    @classmethod
    def of(cls, row: Delivery | Draft, by: str = DATE) -> Self:
        return cls(getattr(row, by or row.listed_by), row.pk)

    @classmethod
    def read(cls, text: str) -> Self | None:
        found = CURSOR.fullmatch(text)
        if not found:
            return None
        at = moment_of(int(found[1]))
        return cls(at, int(found[2])) if at else None

    def to_include(self, *, down: bool) -> Self:
        """The place just before this row, from where it is the first to be read."""
        return replace(self, pk=self.pk + 1 if down else self.pk - 1)

    def __str__(self) -> str:
        return f"{number_of(self.at)}-{self.pk}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a list a page is: at an end of it, or after or before a row."""

    cursor: Cursor | None = None
    forward: bool = True  # in the direction of the list

    @classmethod
    def from_query(cls, query: QueryDict) -> Self | None:
        """Read `after`, `before` or `end`; return None if the cursor makes no sense."""
        if "after" in query or "before" in query:
            forward = "after" in query
            cursor = Cursor.read(query.get("after" if forward else "before", ""))
            return cls(cursor, forward) if cursor else None
        return cls(forward=query.get("end") != "1")

    @property
    def in_address(self) -> dict[str, object]:
        if self.cursor:
            return {"after" if self.forward else "before": self.cursor}
        return {} if self.forward else {"end": 1}


class Found(NamedTuple, Generic[Row]):
    rows: list[Row]
    unseen: Cursor | None = None  # the first row that was not looked at


Shown: TypeAlias = "Callable[[Any], QuerySet[Any]]"


@dataclass(frozen=True, slots=True)
class Part(Generic[Row]):
    """Rows that one index holds in order of the datetime field `by`.

    `span`: the key of the index, if it is a coarse one; rows are sorted by it first.
    `in_order`: read by that index; else PostgreSQL chooses by how many rows it expects.
    `sought`: a condition that no index answers; only some rows are looked at for it.
    `shown`: adds the columns to be read. `dated`: whether `rows` are of certain dates.
    """

    rows: QuerySet[Row]
    span: type[Span] | None = None
    by: str = DATE
    in_order: bool = False
    sought: Q | None = None
    shown: Shown = lambda rows: rows
    dated: bool = False

    def between(self, since: datetime | None, before: datetime | None) -> Self:
        """Repeat the limits of the rows' dates in terms of the coarse index's key."""
        rows = self.rows
        if self.span and since:
            rows = rows.filter(_bound(self.span, since, down=False))
        if self.span and before:
            rows = rows.filter(_bound(self.span, before, down=True))
        return replace(self, rows=rows, dated=bool(since or before))

    def as_indexed(self) -> QuerySet[Row]:
        """The rows in the index's own order, to be counted up to a cap.

        So PostgreSQL follows the index that far, rather than make a bitmap of all rows.
        """
        return self.rows.order_by(self.span(self.date) if self.span else self.date)

    def read(
        self,
        cursor: Cursor | None,
        number: int,
        *,
        down: bool,
        until: Cursor | None = None,
    ) -> Found[Row]:
        """Read up to `number` rows beyond the cursor, towards older ones if `down`.

        Rows beyond `until` are not wanted; a coarse index is told so.
        """
        rows = self.ordered(cursor, down=down)
        if until and self.span:
            rows = rows.filter(_bound(self.span, until.at, down=not down))
        if self.sought is not None:
            return self._seek(rows, self.sought, number, down=down)
        rows = self.shown(rows)
        if self.in_order:
            # Planned once for all values, limits of dates would look as if no row met
            # them, in whatever order it is read.
            return Found(found(rows, number, once=not self.dated))
        return Found(list(rows[:number]))

    def _seek(
        self, rows: QuerySet[Row], sought: Q, number: int, *, down: bool
    ) -> Found[Row]:
        """Look for `sought` among the first REACH rows.

        If that finds too few, the query also returns the row after those, which was not
        looked at: it becomes `unseen`.
        """
        among = met_among(rows, sought, REACH, number)
        answer: list[Any] = found(
            self.shown(among).order_by(*self._by_date(down=down)),
            number,
            once=not self.dated,
        )
        if answer and answer[-1].unseen:
            return Found(answer[:-1], unseen=Cursor.of(answer[-1], self.by))
        return Found(answer)

    def among_next(
        self, number: int, cursor: Cursor | None = None, *, down: bool
    ) -> QuerySet[Row]:
        """What matches `sought` among the next `number` rows from the cursor on."""
        rows = self.ordered(cursor, down=down)
        return leading(rows, number).filter(self.sought or Q())

    def ordered(self, cursor: Cursor | None, *, down: bool) -> QuerySet[Row]:
        rows, date = self.rows, self.date
        if cursor:
            beyond = "lt" if down else "gt"
            rows = rows.filter(
                Q(**{f"{date}__{beyond}": cursor.at})
                | Q(**{date: cursor.at, f"pk__{beyond}": cursor.pk}),
                # Implied by the above, in a form that an index can use.
                **{f"{date}__{beyond}e": cursor.at},
            )
            if self.span:
                rows = rows.filter(_bound(self.span, cursor.at, down=down))
        return rows.order_by(*self._order(down=down))

    def _order(self, *, down: bool) -> list[str | OrderBy]:
        order = self._by_date(down=down)
        if self.span:
            by_span = self.span(self.date)
            order.insert(0, by_span.desc() if down else by_span.asc())
        return order

    def _by_date(self, *, down: bool) -> list[str | OrderBy]:
        sign = "-" if down else ""
        return [f"{sign}{self.date}", f"{sign}pk"]

    @property
    def date(self) -> str:
        return self.by or self.rows.model.listed_by


def _bound(span: type[Span], at: datetime, *, down: bool) -> Lookup[Any]:
    compare = LessThanOrEqual if down else GreaterThanOrEqual
    return compare(span("state_since"), span(Value(at)))


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    rows: list[Row]
    previous: Cursor | None = None  # the page before is read backwards from here
    next: Cursor | None = None
    # Where to look on, if the page is not full because not all rows were looked at.
    further: Cursor | None = None
    is_all: bool = False  # these are all rows of the list


def read_page(
    parts: list[Part[Row]], place: Place, size: int, *, newest_first: bool
) -> Page[Row]:
    """Read one page of the merged parts, and whether there are rows around it.

    All parts are ordered by the same field; `newest_first` is the list's direction.
    """
    cursor_of = partial(Cursor.of, by=parts[0].by if parts else DATE)
    down = newest_first == place.forward
    nearest = max if down else min
    rows: list[Row] = []
    unseen: Cursor | None = None
    for part in parts:
        until = cursor_of(rows[size]) if len(rows) > size else unseen
        found = part.read(place.cursor, size + 1, down=down, until=until)
        rows += found.rows
        if found.unseen:
            unseen = nearest(found.unseen, unseen or found.unseen)
        if unseen:  # beyond it there may be matches that were not found
            rows = [row for row in rows if nearest(cursor_of(row), unseen) != unseen]
        rows.sort(key=cursor_of, reverse=down)
        del rows[size + 1 :]
    more, rows = len(rows) > size, rows[:size]
    further = unseen.to_include(down=down) if unseen and not more else None
    beginning = place.cursor is not None  # then the row we come from is before it
    is_all = not (more or further or beginning)
    if not rows:
        return Page([], further=further, is_all=is_all)
    if not place.forward:
        rows.reverse()
        more, beginning = beginning, more
    return Page(
        rows,
        previous=cursor_of(rows[0]) if beginning else None,
        next=cursor_of(rows[-1]) if more else None,
        further=further,
        is_all=is_all,
    )
