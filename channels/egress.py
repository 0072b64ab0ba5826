"""Where a custom mail server may point: at the public internet, or where the operator allows.

Without it a user could make the portal knock on doors inside the operator's own
network, and read from the answers which are open. Pure.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Sequence

# A name that leads nowhere and one that leads inside are refused after the same time
# and in the same words, so that nobody can tell them apart.
REFUSAL_SECONDS = 2.0
REFUSAL = (
    "No server of this name can be reached on the public internet: the name does not "
    "exist, or it leads into a network that is closed to this portal."
)
# Of an address written as a number everybody knows whether it is a public one.
REFUSED_NUMBER = (
    "This address is not one of the public internet, and it is closed to this portal."
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

# What `is_global` of the standard library lets through and should not.
ALSO_INSIDE = [
    ipaddress.ip_network(network)
    for network in (
        "64:ff9b::/96",  # NAT64: an IPv4 address in disguise
        "64:ff9b:1::/48",
        "2002::/16",  # 6to4
        "2001::/32",  # Teredo
        "100.64.0.0/10",  # carrier-grade NAT, and clouds' metadata
        "fec0::/10",  # site-local, deprecated
        "168.63.129.16/32",  # Azure's own services
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata among them
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "::/96",  # IPv4-compatible, deprecated
        "::ffff:0:0:0/96",  # IPv4-translated
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
    )
]


class EgressRefusedError(OSError):
    """The target may not be reached from here."""


def parse_networks(texts: Sequence[str]) -> list[Network]:
    """Read `10.0.0.0/8`, `192.168.1.5`, …; raise ValueError at the first that is none."""
    return [ipaddress.ip_network(text.strip()) for text in texts if text.strip()]


def may_reach(address: str, allowed: Sequence[Network]) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    candidate: Address = mapped or found
    if any(
        candidate in network
        for network in allowed
        if network.version == candidate.version
    ):
        return True
    # A mapped address is refused even if what it maps to is public: nobody needs it.
    return (
        mapped is None
        and candidate.is_global
        and not candidate.is_multicast
        and not any(
            candidate in network
            for network in ALSO_INSIDE
            if network.version == candidate.version
        )
    )


def vetted_addresses(
    host: str, port: int, allowed: Sequence[Network], *, look_up: Resolve
) -> list[str]:
    """Resolve once and return the addresses to connect to, by number.

    All of them must be allowed: a name with one public and one private address is
    refused. Raises EgressRefusedError, after REFUSAL_SECONDS in all.
    """
    begun = time.monotonic()
    try:
        addresses = look_up(host, port)
    except (OSError, UnicodeError):
        addresses = []
    if addresses and all(may_reach(address, allowed) for address in addresses):
        return list(addresses)
    time.sleep(max(0.0, REFUSAL_SECONDS - (time.monotonic() - begun)))
    raise EgressRefusedError(REFUSED_NUMBER if _is_number(host) else REFUSAL)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
