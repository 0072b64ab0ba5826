"""Whether a member's mail fails more often than it usually does. Pure.

The usual is the member's own, from the eight weeks before. If failures came at that
rate, the last days' number would be within three standard deviations of the expected
one (binomial), except once in some hundred weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

WEEKS = 8  # before the last days
DAYS = 7  # that are looked at
LEAST_BEFORE = 50  # mails: fewer are no habit
LEAST_LATELY = 20  # mails: fewer say nothing
LEAST_FAILED = 3
DEVIATIONS = 3
# Somebody who never had a failure does not stand out with the first ones.
LEAST_RATE = 0.005

RULE = (
    f"Named is whose failures of the last {DAYS} days are more than {DEVIATIONS} standard "
    f"deviations above what their own {WEEKS} weeks before make one expect: at least "
    f"{LEAST_FAILED} failures in {LEAST_LATELY} mails, and {LEAST_BEFORE} mails before to "
    "know the usual by."
)


@dataclass(frozen=True, slots=True)
class Rate:
    """`failed` of `tried` mails did not arrive, as far as is known."""

    failed: int
    tried: int

    @property
    def value(self) -> float:
        # A bounce may count in a later week than its mail: failed can exceed tried.
        return min(1.0, self.failed / self.tried) if self.tried else 0.0

    @property
    def percent(self) -> float:
        return round(100 * self.value, 1)


def left_normal(lately: Rate, before: Rate) -> bool:
    if (
        lately.tried < LEAST_LATELY
        or lately.failed < LEAST_FAILED
        or before.tried < LEAST_BEFORE
    ):
        return False
    usual = min(max(before.value, LEAST_RATE), 1 - LEAST_RATE)
    expected = lately.tried * usual
    return lately.failed - expected > DEVIATIONS * sqrt(expected * (1 - usual))
