"""Which channel a message takes. Pure."""

from __future__ import annotations

from typing import TypeVar

C = TypeVar("C")


def choose(*, identity: C | None, user: C | None, team: C | None, default: C) -> C:
    """The identity's own choice, else the user's, else the team's, else Portal servers.

    `team` is the team's server where it applies: to a member's default identity.
    """
    return identity or user or team or default
