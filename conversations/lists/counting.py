"""How many rows each list has: exact up to a cap, so that no count reads a table."""

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
# The LIMIT is a subquery, so PostgreSQL does not know it when it plans: if it expected
# fewer rows than that, it would read and sort them all instead of following an index.
CAPPED = "(SELECT COUNT(*) FROM ({rows} LIMIT (SELECT {most})) AS counted)"
# Where most rows of an index match: follow it in order up to the limit, rather than
# make a bitmap of them all.
BY_DATE = " ORDER BY state_since"
# If PostgreSQL saw the limit, it would read the list in order until it has met so many
# matches: all of it, if they are few. OFFSET 0 is a fence that hides the limit.
MATCHES = "(SELECT id, state_since FROM ({rows}{fence}) AS found LIMIT {most})"
FENCE = {"postgresql": " OFFSET 0", "sqlite": ""}
NUMBER = "(SELECT COUNT(*) FROM {matches} AS counted)"
IDS = (
    "(SELECT COALESCE({joined}, '') FROM (SELECT id FROM {matches} AS matching "
    "ORDER BY state_since DESC, id DESC) AS counted)"
)
JOINED = {"postgresql": "STRING_AGG(id::text, ',')", "sqlite": "GROUP_CONCAT(id)"}


class Number:
    """A number of rows, known once `Counting.count` has run.

    Above the cap, or if there may be `more` rows than were looked at, only a minimum.
    `ids` are those of the rows, newest first, if they were asked for.
    """

    def __init__(
        self, value: int = 0, *, more: bool = False, among: Number | None = None
    ) -> None:
        self.value, self.more = value, more
        # How many rows the list has, if only matches among the latest are counted.
        self.among = among
        self.ids: list[int] | None = None

    def add(self, counted: int | str) -> None:
        """Add one part: its number, or its ids as a text with commas between them."""
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


# The numbers to fill in, by the SQL that counts them: what several ask for, such as a
# list and its tab, is counted once.
Asked: TypeAlias = "dict[Clause, list[Number]]"


class Counting:
    """Counts many lists together: ask for each number, then `count` them all.

    Counts of whole lists are one prepared statement, planned once for all users; those
    of filtered lists another, planned each time, because the best plan depends on the
    values. Each is put together from pieces of SQL: as expressions in one Django query
    they would take three times as long to compile as to run.
    """

    def __init__(self) -> None:
        self._whole: Asked = defaultdict(list)
        self._narrowed: Asked = defaultdict(list)

    def number(self, *parts: QuerySet[Any], among: Number | None = None) -> Number:
        """Ask for the number of rows of the parts together.

        An ordered part is read by the index of that order. `among` is the number of
        rows in the list, where the parts are only the matches among its latest rows.
        """
        number = Number(among=among)
        for part in parts:
            with suppress(EmptyResultSet):
                self._narrowed[_capped(*_ones(part))].append(number)
        return number

    def matches(self, *parts: QuerySet[Any], with_ids: bool = False) -> Number:
        """Likewise, where an index answers the filters.

        `with_ids` has an effect for a single part only: the ids of several would not be
        in one order.
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
        """Ask for the number of rows that `several` functions select for the user."""
        number = Number()
        for rows in several:
            self._whole[_capped(*words_for(user, rows, _ones))].append(number)
        return number

    def of_lists(self, user: User, member: User | None = None) -> Callable[..., Number]:
        """Return a function that asks for the number of rows in a list.

        Rows the user may see, or only a member's. The function takes the list and
        whatever of the user's own is to be added, such as drafts.
        """
        found, params = words_for(user, Delivery.objects.visible_to, _ones)
        if member:
            clause, more = clause_of(Q(sender=as_key(member.pk)))
            found, params = f"{found} AND {clause}", params + more

        def order_of(stream: Stream) -> str:
            # A member's index does not hold the team: without an order, PostgreSQL
            # would make a bitmap of all they sent rather than stop at the cap.
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
    """SQL for the same rows without any column, so that an index alone can answer."""
    ones = rows.query.exists(limit=False)
    ones.add_ordering(*rows.query.order_by)
    sql, params = ones.sql_with_params()
    return sql, tuple(params)
