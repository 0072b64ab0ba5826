"""The figures of one run, and what of them must not be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

DRAINED_WITHIN = 20.0  # seconds, after SIGTERM


@dataclass
class Account:
    """Counted once the mail has come to rest."""

    written: int = 0
    states: Counter[str] = field(default_factory=Counter)
    arrived: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    # Of whom: unconfirmed though its answer was given, and nobody died or slept over
    # it, or failed though nobody out there has refused it.
    unexplained: dict[str, str] = field(default_factory=dict)
    # What sweepers gave up, for each lease under which they did.
    given_up: dict[str, list[str]] = field(default_factory=dict)
    settled_after_all: list[str] = field(default_factory=list)  # though given up
    sent_after_waking: list[str] = field(default_factory=list)  # though given up
    # At most: a handful for each lease, a lease for each thread that died or slept.
    in_hand: int = 0
    leases_lost: int = 0
    at_once: int = 0  # from one lane
    cut_off: int = 0  # forms that the site was taking when it died
    deaths: int = 0
    drained: float = 0.0
    seconds: float = 0.0

    @property
    def faults(self) -> list[str]:
        """What must not be, in words."""
        most = max(map(len, self.given_up.values()), default=0)
        found = [
            *self.lost,
            *self.doubled,
            *(f"{who}: {what}" for who, what in self.unexplained.items()),
            *(f"{who}: settled after its lease" for who in self.settled_after_all),
            *(f"{who}: sent after its lease" for who in self.sent_after_waking),
        ]
        if most > self.in_hand:
            found.append(f"{most} given up at once, {self.in_hand} in a hand")
        if len(self.given_up) > self.leases_lost:
            found.append(f"{len(self.given_up)} leases given up of {self.leases_lost}")
        if self.drained > DRAINED_WITHIN:
            found.append(f"took {self.drained:.0f} s to stop")
        return found
