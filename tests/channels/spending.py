"""Spending a limit without mail."""

from __future__ import annotations

from channels.allowance import Limit
from channels.database.prepared import Sql, prepared


def spend(limit: Limit, number: int) -> int:
    """Count up to `number` messages before they are sent; return how many may be."""
    return len(limit.spend(number, take))


def take(number: int, counted: Sql | None) -> set[int] | None:
    if counted and not prepared(f"{counted.text} RETURNING id", counted.parameters):
        return None
    return set(range(number))
