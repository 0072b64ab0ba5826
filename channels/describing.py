"""What Settings says of a kind of channel, from what its transport declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from channels.choosing import RecipientView
from channels.models import Channel
from channels.transports import Traits, Transport

# What people want to know before they pick, in their order: term, field of Traits.
TERMS = (
    ("When to pick it", "when_to_pick"),
    ("Set-up", "set_up"),
    ("Address your recipient sees", "address_seen"),
    ("“via” tag", "via"),
    ("DMARC and allow-listing", "dmarc"),
    ("Copy in your Sent folder", "sent_copy"),
    ("Bounces recorded here", "bounces"),
    ("Limits", "limits"),
)


@dataclass(frozen=True, slots=True)
class Fact:
    term: str
    words: str


@dataclass(frozen=True, slots=True)
class Card:
    """One kind of channel; `channel` if it is the one in use."""

    kind: str
    traits: Traits
    facts: list[Fact]
    channel: Channel | None


def describe(traits: Traits, portal_domain: str) -> list[Fact]:
    return [
        Fact(term, getattr(traits, field).format(portal_domain=portal_domain))
        for term, field in TERMS
    ]


def describe_view(view: RecipientView, portal_domain: str) -> list[Fact]:
    """Say what one person's recipient sees, in the terms of the cards."""
    return [
        Fact("From", view.sender),
        Fact("“via” tag", f"Likely: {view.headline}" if view.via else "None."),
        Fact(
            "Copy in your Sent folder",
            view.sent_copy.format(portal_domain=portal_domain),
        ),
        Fact("Bounces recorded here", view.bounces.format(portal_domain=portal_domain)),
    ]


def cards(
    transports: dict[str, type[Transport]], *, in_use: Channel, portal_domain: str
) -> Iterator[Card]:
    for kind, transport in transports.items():
        yield Card(
            kind=kind,
            traits=transport.traits,
            facts=describe(transport.traits, portal_domain),
            channel=in_use if in_use.kind == kind else None,
        )
