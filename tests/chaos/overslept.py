"""What was taken from workers who slept, and which of it they may send all the same.

Nobody can ask about a lease and write to a wire in one step: whoever falls asleep in
between sends this one message when it wakes up. On SMTP it has been announced before,
and its server waits for it; Gmail is told of a message with all of it.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Overslept:
    """As it was in the moment before they woke up."""

    lost: Set[str]  # to whom mail had been given up and had not arrived
    waited_for: Set[str]  # to whom mail was announced that had not come
    threads: int  # that slept

    def sent_after_all(self, came: Set[str], by_gmail: Set[str]) -> Set[str]:
        """To whom mail came that must not have been sent any more."""
        sent = (self.lost & came) - self.waited_for
        unannounced = sent & by_gmail
        return sent - unannounced if len(unannounced) <= self.threads else sent
