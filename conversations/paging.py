"""One page of a list, found by where it begins: as quick at the end as at the start.

The place stands in the address, so a page can be shared and stays where it is while
newer mail comes in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.db.models import Lookup, OrderBy, Q, Value
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.http import QueryDict

from channels.models.reading import found
from conversations.models import Delivery
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.sought import Span

CURSOR = re.compile(r"(\d{1,17})-(\d{1,18})")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row's place in the order: its date, and its number where dates are equal."""

    at: datetime
    pk: int

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(delivery.state_since, delivery.pk)

    @classmethod
    def read(cls, text: str) -> Self | None:
        found = CURSOR.fullmatch(text)
        if not found:
            return None
        try:
            at = EPOCH + timedelta(microseconds=int(found[1]))
        except OverflowError:
            return None
        return cls(at, int(found[2]))

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.pk}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a list a page is: at an end, or behind or before a row."""

    cursor: Cursor | None = None
    forward: bool = True  # in the direction of the list

    @classmethod
    def from_query(cls, query: QueryDict) -> Self | None:
        """Read it; None if the address makes no sense."""
        if "after" in query or "before" in query:
            forward = "after" in query
            cursor = Cursor.read(query.get("after" if forward else "before", ""))
            return cls(cursor, forward) if cursor else None
        return cls(forward=query.get("end") != "1")


@dataclass(frozen=True, slots=True)
class Part:
    """Rows that one index holds in order: by `span` first, where it is a coarse one.

    They are read `in_order` of it, or PostgreSQL chooses by how many there seem to be.
    """

    rows: DeliveryQuerySet
    span: type[Span] | None = None
    in_order: bool = False
    dated: bool = False

    def between(self, since: datetime | None, before: datetime | None) -> Part:
        """Let a coarse index know what dates the rows are narrowed to."""
        if self.span is None:
            return self
        rows = self.rows
        if since:
            rows = rows.filter(_bound(self.span, since, down=False))
        if before:
            rows = rows.filter(_bound(self.span, before, down=True))
        return replace(self, rows=rows, dated=bool(since or before))

    def as_indexed(self) -> DeliveryQuerySet:
        """In the index's own order, to be counted: up to the cap it is enough to follow
        that, where PostgreSQL would rather make a bitmap of all there are."""
        return self.rows.order_by(
            self.span("state_since") if self.span else "state_since"
        )

    def read(
        self,
        cursor: Cursor | None,
        number: int,
        *,
        down: bool,
        until: datetime | None = None,
    ) -> list[Delivery]:
        """Read so many rows beyond the cursor, downwards from the newest or up.

        What is further than `until` is not looked for, as far as the index knows it.
        """
        rows = self.ordered(cursor, down=down)
        if until and self.span:
            rows = rows.filter(_bound(self.span, until, down=not down))
        if self.in_order:
            # For unknown dates it would expect no row at all, in whatever order.
            return found(rows, number, once=not self.dated)
        return list(rows[:number])

    def ordered(self, cursor: Cursor | None, *, down: bool) -> DeliveryQuerySet:
        rows, sign = self.rows, "-" if down else ""
        order: list[str | OrderBy] = [f"{sign}state_since", f"{sign}pk"]
        if cursor:
            beyond = "lt" if down else "gt"
            rows = rows.filter(
                Q(**{f"state_since__{beyond}": cursor.at})
                | Q(**{"state_since": cursor.at, f"pk__{beyond}": cursor.pk}),
                # What the index can use of that.
                **{f"state_since__{beyond}e": cursor.at},
            )
        if self.span:
            span = self.span("state_since")
            order.insert(0, span.desc() if down else span.asc())
            if cursor:
                rows = rows.filter(_bound(self.span, cursor.at, down=down))
        return rows.order_by(*order)


def _bound(span: type[Span], at: datetime, *, down: bool) -> Lookup[Any]:
    compare = LessThanOrEqual if down else GreaterThanOrEqual
    return compare(span("state_since"), span(Value(at)))


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Delivery]
    previous: Cursor | None  # behind this, backwards
    next: Cursor | None


def read_page(
    parts: list[Part], place: Place, size: int, *, newest_first: bool
) -> Page:
    """Read one page of the parts together, and whether any rows stand around it."""
    down = newest_first == place.forward
    rows: list[Delivery] = []
    for part in parts:
        until = rows[size].state_since if len(rows) > size else None
        rows += part.read(place.cursor, size + 1, down=down, until=until)
        rows.sort(key=lambda row: (row.state_since, row.pk), reverse=down)
        del rows[size + 1 :]
    more, rows = len(rows) > size, rows[:size]
    beginning = place.cursor is not None  # there are rows where we come from
    if not place.forward:
        rows.reverse()
        more, beginning = beginning, more
    if not rows:
        return Page([], None, None)
    return Page(
        rows,
        previous=Cursor.of(rows[0]) if beginning else None,
        next=Cursor.of(rows[-1]) if more else None,
    )
