"""Moments as the whole numbers that addresses name them by, since 1970."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE = timedelta(microseconds=1)


def number_of(at: datetime) -> int:
    return (at - EPOCH) // ONE


def moment_of(number: int) -> datetime | None:
    """Return None for a number that is none's: an address may hold any."""
    try:
        return EPOCH + number * ONE
    except OverflowError:
        return None
