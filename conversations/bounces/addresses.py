"""Mail to our bounce domain that names no return path: what the admin gets to see. Pure."""

from __future__ import annotations

STRAY = ""  # the token of what came without a valid one

# RFC 5321, 4.5.1; RFC 2142; and what one agrees upon with a feedback loop.
ROLES = frozenset({"postmaster", "abuse", "fbl"})
# Whoever brings mail these ways has taken it from another server already: refusing it
# would make a bounce of a bounce, and nobody would see it.
HAVE_ACCEPTED = frozenset({"lmtp", "pipe"})


def is_ours(address: str, domain: str) -> bool:
    host = address.strip("<>").rpartition("@")[2]
    return host.casefold().rstrip(".") == domain.casefold()


def is_for_the_admin(address: str, domain: str, source: str) -> bool:
    """Tell mail to postmaster and the like, and what is too late to refuse."""
    local_part = address.strip("<>").rpartition("@")[0].casefold()
    return is_ours(address, domain) and (local_part in ROLES or source in HAVE_ACCEPTED)
