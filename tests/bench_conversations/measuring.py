"""How long a page takes, what of it is SQL, and how many statements it asks for."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client

from deliveryportal.accounts.models import User

TIMES, WARM = 30, 3
A_LIST = re.compile(r"conversations_delivery.*ORDER BY.*LIMIT", re.S)
Statement = tuple[str, Any]
Figures = dict[str, Any]


class Statements:
    """What a request asked the database."""

    def __init__(self) -> None:
        self.number = 0
        self.lists: list[Statement] = []
        self.counts: list[Statement] = []

    def __call__(self, execute: Any, sql: str, params: Any, *rest: Any) -> Any:
        self.number += 1
        if "AS counted)" in sql:
            self.counts.append((sql, params))
        elif A_LIST.search(sql):
            self.lists.append((sql, params))
        return execute(sql, params, *rest)


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
    with connection.cursor() as cursor:

        def once() -> float:
            took = 0.0
            for sql, params in statements:
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


class Visitor:
    """Somebody who has signed in."""

    def __init__(self, user: User) -> None:
        self.client = Client(SERVER_NAME="127.0.0.1")
        self.client.force_login(user)

    def see(self, path: str) -> None:
        response = self.client.get(f"/conversations/{path}")
        assert response.status_code == 200, path

    def measure(self, path: str, times: int = TIMES) -> Figures:
        """The figures of a page; "queries" is 0 where their number is not constant."""
        asked = []
        for _ in range(WARM):
            statements = Statements()
            with connection.execute_wrapper(statements):
                self.see(path)
            asked.append(statements)
        numbers = {each.number for each in asked}
        return {
            "page": p95(timed(lambda: self.see(path), times)),
            "sql": in_the_database(asked[-1].lists, times),
            "counts": in_the_database(asked[-1].counts, times),
            "queries": numbers.pop() if len(numbers) == 1 else 0,
            "search": "q=" in path,
        }
