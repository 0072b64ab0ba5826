from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliveryportal.accounts.models import User

# The pks of deliveries that an action was not done to, and why, in words.
Skipped = dict[int, str]


@dataclass(frozen=True, slots=True)
class Order:
    """Who wants an action done, and the values they filled in for it."""

    by: User
    options: Mapping[str, Any] = field(default_factory=dict)
    of_many: bool = False  # so that nobody has looked at each

    @property
    def anyway(self) -> bool:
        """Whether they consented to send mail again that may have arrived."""
        return bool(self.options.get("anyway"))
