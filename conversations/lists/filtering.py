"""The filters of lists, as a table: read from the address and kept in it.

Lists, counts, exports and actions on everything that matches share them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.timezone import localdate, make_aware

from channels.database.personal import found_for
from channels.models import Channel, EmailIdentity
from channels.transports import all_transports, kind_choices
from conversations.bounces.reasons import REASONS
from conversations.lists.folders import Listing
from conversations.lists.waiting import WAITS, waits_for
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.sought import with_words
from conversations.models.state import Triage
from conversations.watching.cause_key import UNKNOWN, CauseKey
from deliveryportal.accounts.access import as_key
from deliveryportal.accounts.models import User

Option = tuple[str, str]  # the value in the address, and the words for it

LEAST_LETTERS = 3  # what an index of trigrams can answer
MOST_WORDS = 6


class Known:
    """The people and identities that `user` may filter by, each queried once."""

    def __init__(self, user: User) -> None:
        self.user = user

    @cached_property
    def members(self) -> dict[str, User]:
        found = found_for(self.user, _members)
        return {str(member.pk): member for member in found}

    @cached_property
    def identities(self) -> dict[str, EmailIdentity]:
        found = found_for(self.user, _identities)
        return {str(identity.uuid): identity for identity in found}

    def channel(self, key: str) -> Channel | None:
        """A channel whose name the user may see, because mail they see may go by it."""
        theirs = Q(owner=self.user) | Q(team=self.user.team_id)
        if self.user.is_manager:
            theirs |= Q(owner__team=self.user.team_id)
        found = Channel.objects.filter(theirs | Q(owner=None, team=None), pk=key)
        return found.first()


def _members(user: User) -> QuerySet[User]:
    if not user.is_manager:
        return User.objects.none()
    team = User.objects.filter(team=user.team_id)
    return team.only("name", "email").order_by("name", "pk")


def _identities(user: User) -> QuerySet[EmailIdentity]:
    theirs = Q(owner__team=user.team_id) if user.is_manager else Q(owner=user)
    found = EmailIdentity.objects.filter(theirs)
    return found.only("uuid", "address", "owner").order_by("address", "pk")


def _anywhere(value: str, listing: Listing) -> bool:
    return True


def _of_failures(value: str, listing: Listing) -> bool:
    return listing.has_failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One filter of lists: its choices, and the condition that each means.

    `indexed`: the condition, if the indexes of every list answer it (whose mail it is).
    `condition`: the condition, if only the index of failures does; see filter_index.
    `fits`: whether mail of a list can have the value at all; if not, it is not offered.
    """

    label: str
    options: Callable[[Known], list[Option]]
    indexed: Callable[[str, Known], Q] | None = None
    condition: Callable[[str, Known], Q] | None = None
    fits: Callable[[str, Listing], bool] = _anywhere

    def takes(self, value: str, known: Known) -> bool:
        return value in dict(self.options(known))

    def words(self, value: str, known: Known) -> str:
        return dict(self.options(known)).get(value, value)


class OfCause(Criterion):
    """Causes are too many to offer as choices: other pages link to a list of one."""

    def takes(self, value: str, known: Known) -> bool:
        return CauseKey.from_address(value) is not None

    def words(self, value: str, known: Known) -> str:
        key = CauseKey.from_address(value)
        if key is None:
            return value
        return key.title(known.channel(key.what) if key.of_channel else None)


def _of_cause(value: str, known: Known) -> Q:
    key = CauseKey.from_address(value)
    assert key  # else `problems` says so, and no condition is made
    if known.user.is_manager and key.reason:  # the index by cause answers for a team
        return key.condition
    # The filter index finds a member's by the reason. And most mail has no cause, so by
    # a NULL cause alone PostgreSQL would rather read all failures.
    return key.condition & key.by_reason


CRITERIA: dict[str, Criterion] = {
    "member": Criterion(
        label="Member",
        options=lambda known: [(key, str(user)) for key, user in known.members.items()],
        indexed=lambda value, known: Q(sender=as_key(known.members[value].pk)),
    ),
    "channel": Criterion(
        label="Channel",
        options=lambda known: kind_choices(),
        condition=lambda value, known: Q(channel_kind=value),
        fits=lambda value, listing: any(
            may_have_gone_by(value, stream.tracked) for stream in listing.streams
        ),
    ),
    "identity": Criterion(
        label="Identity",
        options=lambda known: [
            (key, identity.address) for key, identity in known.identities.items()
        ],
        # The condition on its owner lets the sender's index answer.
        indexed=lambda value, known: Q(sender=as_key(known.identities[value].owner_id)),
        condition=lambda value, known: Q(from_address=known.identities[value].address),
    ),
    "reason": Criterion(
        label="Reason",
        options=lambda known: [(key, each.title) for key, each in REASONS.items()],
        condition=lambda value, known: Q(reason=value),
        fits=_of_failures,
    ),
    "cause": OfCause(
        label="Cause",
        options=lambda known: [],
        condition=_of_cause,
    ),
    "triage": Criterion(
        label="Triage",
        options=lambda known: [(key, str(words)) for key, words in Triage.choices],
        condition=lambda value, known: Q(triage=value),
        fits=_of_failures,
    ),
    "waits": Criterion(
        label="Waits for",
        options=lambda known: list(WAITS.items()),
        condition=lambda value, known: waits_for(value),
        fits=lambda value, listing: listing.has_waiting,
    ),
}


def may_have_gone_by(kind: str, tracked: bool | None) -> bool:  # noqa: FBT001
    """Whether this kind of channel records bounces as `tracked` says.

    Also if `tracked` is None, which is either, or the kind is unknown.
    """
    transport = all_transports().get(kind)
    return (
        tracked is None
        or transport is None
        or transport.traits.records_bounces is tracked
    )


# Presets of the date: days back to the first one, and to the last.
PERIODS: dict[str, tuple[str, int, int]] = {
    "today": ("Today", 0, 0),
    "yesterday": ("Yesterday", 1, 1),
    "7": ("Last 7 days", 6, 0),
    "30": ("Last 30 days", 29, 0),
    "90": ("Last 90 days", 89, 0),
}
KEYS = ("q", "when", "since", "until", *CRITERIA)
UNINDEXED = {"q", *(key for key, each in CRITERIA.items() if each.condition)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The filters in an address. `problems` says which of them make no sense."""

    values: Mapping[str, str]
    known: Known
    problems: list[str] = field(default_factory=list)
    first: date | None = None
    last: date | None = None

    @classmethod
    def from_query(
        cls, query: QueryDict, user: User, known: Known | None = None
    ) -> Filter:
        known = known or Known(user)
        values = {key: query.get(key, "").strip() for key in KEYS}
        values = {key: value for key, value in values.items() if value}
        if query.get("cause") == "":  # as addresses once had it
            values["cause"] = UNKNOWN
        problems: list[str] = []
        first, last = _period(values, problems)
        problems += _unknown_choices(values, known)
        words = values.get("q", "").split()
        if not all(map(str.isprintable, words)):
            problems.append("A search is made of letters that can be seen.")
        if words and max(map(len, words)) < LEAST_LETTERS:
            problems.append(f"Search for {LEAST_LETTERS} letters or more.")
        if len(words) > MOST_WORDS:
            problems.append(f"Search for {MOST_WORDS} words at most.")
        return cls(
            values=values, known=known, problems=problems, first=first, last=last
        )

    def apply(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        """Narrow to the matches; to nothing if there are problems."""
        return self.narrow(deliveries).filter(self.sought)

    def narrow(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        """Narrow only by what the indexes of every list answer: sender and date."""
        if self.problems:
            return deliveries.none()
        deliveries = deliveries.filter(
            *(
                criterion.indexed(self.values[key], self.known)
                for key, criterion in CRITERIA.items()
                if key in self.values and criterion.indexed
            )
        )
        if self.since:
            deliveries = deliveries.filter(state_since__gte=self.since)
        if self.before:
            deliveries = deliveries.filter(state_since__lt=self.before)
        return deliveries

    @property
    def sought(self) -> Q:
        """The conditions that `narrow` leaves out."""
        if self.problems:
            return Q()
        chosen = [
            criterion.condition(self.values[key], self.known)
            for key, criterion in CRITERIA.items()
            if key in self.values and criterion.condition
        ]
        return Q(*chosen) & with_words(self.values.get("q", "").split())

    def may_meet(self, tracked: bool | None) -> bool:  # noqa: FBT001
        """Whether mail of channels that are `tracked`, or are not, can match at all.

        If not, that stream is left out: a search would read all of that sent mail.
        """
        return may_have_gone_by(self.values.get("channel", ""), tracked)

    @property
    def since(self) -> datetime | None:
        return (
            make_aware(datetime.combine(self.first, time.min)) if self.first else None
        )

    @property
    def before(self) -> datetime | None:
        after = self.last + timedelta(days=1) if self.last else None
        return make_aware(datetime.combine(after, time.min)) if after else None

    @property
    def member(self) -> User | None:
        """The member whose mail a manager has chosen to see."""
        chosen = self.values.get("member")
        return self.known.members.get(chosen) if chosen else None

    @property
    def names_somebody(self) -> bool:
        """Whether it filters by member or identity; most others see nothing then."""
        return any(
            CRITERIA[key].indexed for key in self.values.keys() & CRITERIA.keys()
        )

    @property
    def chosen(self) -> int:
        """How many of the filters that the form offers are set."""
        return len(self.values.keys() - {"q", "cause"})

    @property
    def cause(self) -> str:
        """The words for the cause it filters by; empty without one."""
        value = self.values.get("cause")
        return CRITERIA["cause"].words(value, self.known) if value else ""

    def __bool__(self) -> bool:
        return bool(self.values)


def _unknown_choices(values: dict[str, str], known: Known) -> list[str]:
    return [
        f"{criterion.label}: {values[key][:60]!r} is not one of the choices."
        for key, criterion in CRITERIA.items()
        if key in values and not criterion.takes(values[key], known)
    ]


def _period(
    values: dict[str, str], problems: list[str]
) -> tuple[date | None, date | None]:
    """The first and last day; a preset and days together give their intersection."""
    firsts, lasts = [], []
    when = values.get("when")
    if when in PERIODS:
        _, back_to, until = PERIODS[when]
        firsts.append(localdate() - timedelta(days=back_to))
        lasts.append(localdate() - timedelta(days=until))
    elif when:
        problems.append(f"Date: {when[:60]!r} is not one of the choices.")
    firsts += _day(values, "since", "First day", problems)
    lasts += _day(values, "until", "Last day", problems)
    first, last = max(firsts, default=None), min(lasts, default=None)
    if first and last and first > last:
        problems.append("The first day comes after the last: nothing can match.")
    return first, last


def _day(
    values: dict[str, str], key: str, label: str, problems: list[str]
) -> list[date]:
    text = values.get(key)
    if not text:
        return []
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.min
    if not 1970 <= found.year < 9999:
        problems.append(f"{label}: {text[:60]!r} is not a day, as in 2026-01-31.")
        return []
    return [found]
