"""Which mail without a valid return path is kept for the admin. Pure."""

from __future__ import annotations

STRAY = ""  # in place of the token, for mail that came without a valid one

# RFC 5321, 4.5.1; RFC 2142; and the address that feedback loops are told to use.
ROLES = frozenset({"postmaster", "abuse", "fbl"})
# Sources whose MTA has already accepted the mail from another server: refusing it now
# would make a bounce of a bounce, and nobody would see it.
HAVE_ACCEPTED = frozenset({"lmtp", "pipe"})


def is_ours(address: str, domain: str) -> bool:
    host = address.strip("<>").rpartition("@")[2]
    return host.casefold().rstrip(".") == domain.casefold()


def is_for_the_admin(address: str, domain: str, source: str) -> bool:
    """Whether it is ours, and a role such as postmaster or too late to refuse."""
    local_part = address.strip("<>").rpartition("@")[0].casefold()
    return is_ours(address, domain) and (local_part in ROLES or source in HAVE_ACCEPTED)
