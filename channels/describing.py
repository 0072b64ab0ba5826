"""What Settings says of a kind of channel, from what its transport declares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.urls import reverse

from channels.models import Channel, EmailIdentity
from channels.recipient_view import RecipientView, what_the_recipient_sees
from channels.standing import Standing
from channels.transports import Pace, Scope, Traits, Transport, VisibleSender

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
    ("If that is not what you want", "remedy"),
)


@dataclass(frozen=True, slots=True)
class Fact:
    term: str
    words: str
    url: str = ""  # where this person can change it


def describe(
    traits: Traits,
    portal_domain: str,
    *,
    team_pace: Pace | None = None,
    limits_url: str = "",
) -> list[Fact]:
    """`team_pace` is what the managers of a team allow, if they have said anything."""
    said = {"limits": describe_limits(traits, team_pace)}
    urls = {"limits": limits_url}
    return [
        Fact(
            term,
            said.get(field)
            or getattr(traits, field).format(portal_domain=portal_domain),
            urls.get(field, ""),
        )
        for term, field in TERMS
        if field != "remedy"
    ]


def describe_limits(traits: Traits, team_pace: Pace | None) -> str:
    ours = (
        f"{team_pace.words}: your managers decided so."
        if team_pace
        else f"{traits.pace.words}, unless your managers decide otherwise."
    )
    waits = "" if (team_pace or traits.pace).unlimited else "More waits."
    return " ".join(filter(None, (ours, traits.limits, waits)))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A channel on its card, and what this person may do with it."""

    channel: Channel
    in_use: bool
    whose: str
    may_change: bool
    standing: Standing | None

    @property
    def summary(self) -> str:
        return self.channel.address or self.channel.transport_class.summary(
            self.channel.config
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One kind of channel as Settings shows it."""

    kind: str
    transport: type[Transport]
    facts: list[Fact]
    connected: list[Connected]
    in_use: bool
    unavailable: str
    may_connect: bool  # one of their own
    may_connect_team: bool

    @property
    def stopped(self) -> bool:
        """Whether the one in use does not work."""
        return any(
            each.in_use and not each.channel.is_working for each in self.connected
        )

    @property
    def traits(self) -> Traits:
        return self.transport.traits


def cards(
    transports: dict[str, type[Transport]],
    *,
    usable: Iterable[Channel],
    in_use: Channel,
    is_manager: bool,
    settings: object,
    portal_domain: str,
    team_paces: Mapping[str, Pace],
    standings: Mapping[Channel, Standing],
) -> list[Card]:
    """Return a card for each kind; `usable` are the channels this person may use.

    `team_paces` are the managers' limits by kind, where there are any.
    """
    channels = list(usable)
    return [
        Card(
            kind=kind,
            transport=transport,
            facts=describe(
                transport.traits,
                portal_domain,
                team_pace=team_paces.get(kind),
                limits_url=reverse("settings:limits") if is_manager else "",
            ),
            connected=[
                _connected(
                    channel,
                    in_use,
                    is_manager=is_manager,
                    standing=standings.get(channel),
                )
                for channel in channels
                if channel.kind == kind
            ],
            in_use=in_use.kind == kind,
            unavailable=transport.unavailable(transport.from_installation(settings)),
            may_connect=transport.traits.scope is not Scope.INSTALLATION
            and not any(each.kind == kind and each.owner_id for each in channels),
            may_connect_team=transport.traits.scope is Scope.PERSON_OR_TEAM
            and is_manager
            and not any(each.kind == kind and each.team_id for each in channels),
        )
        for kind, transport in transports.items()
    ]


def _connected(
    channel: Channel, in_use: Channel, *, is_manager: bool, standing: Standing | None
) -> Connected:
    return Connected(
        channel=channel,
        in_use=channel == in_use,
        whose="Yours"
        if channel.owner_id
        else "Your team’s"
        if channel.team_id
        else "For everybody",
        may_change=bool(channel.owner_id or (channel.team_id and is_manager)),
        standing=standing,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the recipient of one identity sees by one kind of channel."""

    kind: str
    label: str
    facts: list[Fact]
    in_use: bool


def compare(
    identity: EmailIdentity, cards: Iterable[Card], portal_domain: str
) -> list[Comparison]:
    """Say side by side what the recipient of `identity` sees by each kind."""
    return [
        Comparison(
            kind=card.kind,
            label=card.traits.label,
            facts=[
                *describe_view(_view(identity, card, portal_domain), portal_domain),
                Fact(TERMS[-1][0], card.traits.remedy),
            ],
            in_use=card.in_use,
        )
        for card in cards
    ]


def _view(identity: EmailIdentity, card: Card, portal_domain: str) -> RecipientView:
    account = next((each.channel.address for each in card.connected), "")
    if card.traits.visible_sender is VisibleSender.CONNECTED_ACCOUNT and not account:
        account = "the account you connect"
    return what_the_recipient_sees(
        display_name=identity.display_name,
        address=identity.address,
        traits=card.traits,
        portal_domain=portal_domain,
        account=account,
    )
