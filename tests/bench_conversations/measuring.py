"""How long a page takes, what of it is SQL, and how many statements it asks for."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any, NamedTuple

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import Client

from channels.database.prepared import Preparing
from deliveryportal.accounts.models import User

TIMES, WARM = 30, 3
A_LIST = re.compile(r"conversations_delivery.*ORDER BY.*LIMIT", re.S)
PARAMETER = re.compile("%s")


class Statement(NamedTuple):
    sql: str
    params: Sequence[Any]
    prepared: bool  # planned once, without the values


Figures = dict[str, Any]


class Statements:
    """What a request asked the database."""

    def __init__(self) -> None:
        self.number = 0
        self.lists: list[Statement] = []
        self.counts: list[Statement] = []

    def __call__(
        self, execute: Any, sql: str, params: Any, many: Any, context: Any
    ) -> Any:
        self.number += 1
        prepared = isinstance(context["cursor"].cursor, Preparing)
        statement = Statement(sql, params, prepared)
        if "AS counted)" in sql:
            self.counts.append(statement)
        elif A_LIST.search(sql):
            self.lists.append(statement)
        return execute(sql, params, many, context)


def p95(times: list[float]) -> float:
    return statistics.quantiles(times, n=20, method="inclusive")[-1]


def timed(
    work: Callable[[], object], times: int = TIMES, warm: int = WARM
) -> list[float]:
    """Milliseconds of each, once it is warm."""
    for _ in range(warm):
        work()
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        found.append((time.perf_counter() - begun) * 1000)
    return found


def in_the_database(statements: list[Statement], times: int = TIMES) -> float:
    """What the statements take together by PostgreSQL's own clock, with planning."""
    if connection.vendor != "postgresql":
        return 0.0
    with ExitStack() as stack:
        cursor = stack.enter_context(connection.cursor())
        asked = [
            stack.enter_context(_as_it_is_run(cursor, f"measured_{at}", statement))
            for at, statement in enumerate(statements)
        ]

        def once() -> float:
            took = 0.0
            for sql, params in asked:
                cursor.execute(
                    f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params
                )
                [(found,)] = cursor.fetchall()
                [plan] = found if isinstance(found, list) else json.loads(found)
                took += plan["Planning Time"] + plan["Execution Time"]
            return took

        for _ in range(WARM):
            once()
        return p95([once() for _ in range(times)])


@contextmanager
def _as_it_is_run(
    cursor: CursorWrapper, name: str, statement: Statement
) -> Iterator[tuple[str, Sequence[Any]]]:
    """The statement itself; or it is prepared here, and this is what runs it."""
    sql, params, is_prepared = statement
    if not is_prepared:
        yield sql, params
        return
    numbers = count(1)
    numbered = PARAMETER.sub(lambda _: f"${next(numbers)}", sql)
    cursor.execute(f"PREPARE {name} AS {numbered}")
    yield f"EXECUTE {name}({', '.join('%s' for _ in params)})", params
    cursor.execute(f"DEALLOCATE {name}")


class Visitor:
    """Somebody who has signed in."""

    def __init__(self, user: User) -> None:
        self.client = Client(SERVER_NAME="127.0.0.1")
        self.client.force_login(user)

    def see(self, path: str) -> None:
        response = self.client.get(f"/conversations/{path}")
        assert response.status_code == 200, path

    def measure(self, path: str, times: int = TIMES) -> Figures:
        """The figures of a page; "queries" is 0 where their number is not constant.

        Pages are compared by their "middle": one collection of garbage more or less, of
        3 ms, decides about the 95th in 100.
        """
        asked = []
        for _ in range(WARM):
            statements = Statements()
            with connection.execute_wrapper(statements):
                self.see(path)
            asked.append(statements)
        numbers = {each.number for each in asked}
        took = timed(lambda: self.see(path), times)
        return {
            "page": p95(took),
            "middle": statistics.median(took),
            "sql": in_the_database(asked[-1].lists, times),
            "counts": in_the_database(asked[-1].counts, times),
            "queries": numbers.pop() if len(numbers) == 1 else 0,
            "search": "q=" in path,
        }
