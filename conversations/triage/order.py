from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliveryportal.accounts.models import User

# By delivery's pk, in words, why nothing was done about it.
Skipped = dict[int, str]


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants something done, and what they filled in for it."""

    by: User
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def anyway(self) -> bool:
        """They were asked about mail that may have arrived, and said to send it."""
        return bool(self.options.get("anyway"))
