"""The key of a cause, as the database makes it (see models.cause), and its words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from django.db.models import Q

from channels.addresses import shown_domain
from channels.models import Channel
from conversations.bounces.reasons import REASONS, Reason, Speaks

UNKNOWN = "none"  # in addresses: the cause of what failed without a reason
LONGEST = 300
WHAT = {Speaks.ADDRESS: "", Speaks.DOMAIN: ".+", Speaks.CHANNEL: "[0-9]{1,18}"}


@dataclass(frozen=True, slots=True)
class CauseKey:
    """`what` is the domain or channel's pk that the reason speaks of; else empty."""

    reason: str
    what: str

    @classmethod
    def of(cls, key: str) -> Self:
        reason, _, what = key.partition(":")
        return cls(reason, what)

    @classmethod
    def from_address(cls, text: str) -> Self | None:
        """Read a key from an address; None if no failure can have it."""
        if text == UNKNOWN:
            return cls("", "")
        found = cls.of(text)
        known = (
            found.reason in REASONS
            and re.fullmatch(WHAT[found.why.of], found.what)
            and text == str(found)
            and text.isprintable()
            and len(text) <= LONGEST
        )
        return found if known else None

    @property
    def in_address(self) -> str:
        return str(self) or UNKNOWN

    @property
    def why(self) -> Reason:
        return REASONS.get(self.reason, REASONS["unknown"])

    @property
    def of_channel(self) -> bool:
        return self.why.of is Speaks.CHANNEL

    @property
    def condition(self) -> Q:
        return Q(cause=str(self) or None)

    @property
    def by_reason(self) -> Q:
        """A wider condition, on the reason alone, which more indexes answer."""
        return Q(reason=self.reason)

    def title(self, channel: Channel | None) -> str:
        """The cause in words; without the channel's name if that is not known."""
        if self.of_channel:
            return self.why.at(channel.known_as if channel else "")
        return self.why.at(shown_domain(self.what))

    def __str__(self) -> str:
        return f"{self.reason}:{self.what}" if self.what else self.reason
