"""Moments as whole numbers of microseconds since 1970, as addresses name them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE = timedelta(microseconds=1)


def number_of(at: datetime) -> int:
    return (at - EPOCH) // ONE


def moment_of(number: int) -> datetime | None:
    """Return None if the number is out of range: an address may hold any."""
    try:
        return EPOCH + number * ONE
    except OverflowError:
        return None
