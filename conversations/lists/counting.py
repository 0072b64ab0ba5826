"""How many stand in each list: exact up to a cap, so that no count reads a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import chain
from typing import Any, TypeAlias

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Q, QuerySet

from channels.database.personal import Clause, Theirs, words_for
from channels.database.prepared import Parameters, planned_anew, prepared
from conversations.lists.folders import Listing, Stream, clause_of
from conversations.models import Delivery
from deliveryportal.accounts.access import as_key
from deliveryportal.accounts.models import User

CAP = 999
# A limit that PostgreSQL does not know when it plans: where it believes that there are
# fewer, it would read and sort all there are instead of following an index that far.
CAPPED = "(SELECT COUNT(*) FROM ({rows} LIMIT (SELECT {most})) AS counted)"
# Of most in an index, rather the first in its order than a bitmap of all that it holds.
BY_DATE = " ORDER BY state_since"
# With the limit in sight PostgreSQL would rather read the list until it has met so
# many, and if there are few, all of it. OFFSET 0 keeps that from its sight.
MATCHES = "(SELECT id, state_since FROM ({rows}{fence}) AS found LIMIT {most})"
FENCE = {"postgresql": " OFFSET 0", "sqlite": ""}
NUMBER = "(SELECT COUNT(*) FROM {matches} AS counted)"
IDS = (
    "(SELECT COALESCE({joined}, '') FROM (SELECT id FROM {matches} AS matching "
    "ORDER BY state_since DESC, id DESC) AS counted)"
)
JOINED = {"postgresql": "STRING_AGG(id::text, ',')", "sqlite": "GROUP_CONCAT(id)"}


class Number:
    """How many there are, once it has been counted; above the cap, or where there are
    `more` than was looked at, only that. Of few, their `ids` may have been asked for:
    the newest first."""

    def __init__(
        self, value: int = 0, *, more: bool = False, among: Number | None = None
    ) -> None:
        self.value, self.more = value, more
        self.among = among  # of so many, the latest alone may have been looked at
        self.ids: list[int] | None = None

    def add(self, counted: int | str) -> None:
        """Of one part: its number, or all its ids with commas between them."""
        if isinstance(counted, str):
            self.ids = [int(each) for each in counted.split(",") if each]
            counted = len(self.ids)
        self.value += counted

    def __bool__(self) -> bool:
        return self.value > 0

    @property
    def is_exact(self) -> bool:
        at_all = self.among is None or self.among.is_exact
        return self.value <= CAP and at_all and not self.more

    def __int__(self) -> int:
        return self.value

    def __str__(self) -> str:
        if self.is_exact:
            return str(self.value)
        return f"{min(self.value, CAP)}+" if self.value else ""


# Each once for all that ask for the same: a list, and the tab that it is in.
Asked: TypeAlias = "dict[Clause, list[Number]]"


class Counting:
    """Numbers of many lists together: ask for each, then `count` them all.

    Those of whole lists are one statement, planned once for whoever asks; those of
    what is narrowed down to another, because how that is found depends on the values.
    Put together from the SQL of each: as expressions of one query of Django's they
    would take three times as long to write as all of them take to count.
    """

    def __init__(self) -> None:
        self._whole: Asked = defaultdict(list)
        self._narrowed: Asked = defaultdict(list)

    def number(self, *parts: QuerySet[Any], among: Number | None = None) -> Number:
        """The number of rows of the parts together, once they are counted.

        Each is read in its order, if it has any: by an index of that order. They may be
        what matches `among` the latest of so many.
        """
        number = Number(among=among)
        for part in parts:
            with suppress(EmptyResultSet):
                self._narrowed[_capped(*_ones(part))].append(number)
        return number

    def matches(self, *parts: QuerySet[Any], with_ids: bool = False) -> Number:
        """Likewise, where an index knows by what they are narrowed.

        The ids are those of a single part: of several they would be in no order.
        """
        vendor, number = connection.vendor, Number()
        result = IDS if with_ids and len(parts) == 1 else NUMBER
        for part in parts:
            with suppress(EmptyResultSet):
                query = part.order_by().values("id", "state_since").query
                rows, params = query.sql_with_params()
                matches = MATCHES.format(rows=rows, fence=FENCE[vendor], most=CAP + 1)
                sql = result.format(matches=matches, joined=JOINED[vendor])
                self._narrowed[sql, tuple(params)].append(number)
        return number

    def theirs(self, user: User, *several: Theirs[Any]) -> Number:
        """Likewise of what is a person's own."""
        number = Number()
        for rows in several:
            self._whole[_capped(*words_for(user, rows, _ones))].append(number)
        return number

    def of_lists(self, user: User, member: User | None = None) -> Callable[..., Number]:
        """What asks for the number that a list has of what the user may see, or of a
        member's part of it; and with that of what is their own besides."""
        found, params = words_for(user, Delivery.objects.visible_to, _ones)
        if member:
            clause, more = clause_of(Q(sender=as_key(member.pk)))
            found, params = f"{found} AND {clause}", params + more

        def order_of(stream: Stream) -> str:
            # A member's index does not tell the team: PostgreSQL would rather make a
            # bitmap of all that they sent than look at as many rows as are counted.
            by_span = _by_span_of_sender(stream) if member else ""
            return by_span or (BY_DATE if stream.most else "")

        def ask(listing: Listing, *besides: Theirs[Any]) -> Number:
            number = self.theirs(user, *besides)
            for stream in listing.streams:
                clause, more = stream.where
                rows = f"{found} AND {clause}{order_of(stream)}"
                self._whole[_capped(rows, params + more)].append(number)
            return number

        return ask

    def count(self) -> None:
        _count(self._whole, prepared)
        _count(self._narrowed, planned_anew)


def _count(
    asked: Asked, answer: Callable[[str, Parameters], list[tuple[Any, ...]]]
) -> None:
    if not asked:
        return
    counts, params = zip(*asked, strict=True)
    [counted] = answer(f"SELECT {', '.join(counts)}", list(chain.from_iterable(params)))
    for numbers, value in zip(asked.values(), counted, strict=True):
        for number in numbers:
            number.add(value)


def _capped(rows: str, params: tuple[Any, ...]) -> Clause:
    return CAPPED.format(rows=rows, most=CAP + 1), params


@cache
def _by_span_of_sender(stream: Stream) -> str:
    if stream.spans is None:
        return ""
    query = Delivery.objects.all().query
    span = stream.spans.of_sender("state_since").resolve_expression(query)
    sql, _ = query.get_compiler(DEFAULT_DB_ALIAS).compile(span)
    return f" ORDER BY {sql}"


def _ones(rows: QuerySet[Any]) -> Clause:
    """The SQL of as many rows, but of no column, so that an index alone can answer."""
    ones = rows.query.exists(limit=False)
    ones.add_ordering(*rows.query.order_by)
    sql, params = ones.sql_with_params()
    return sql, tuple(params)
