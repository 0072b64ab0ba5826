"""Failures grouped into what is behind them, the worst first, each with what can help."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import NamedTuple
from urllib.parse import urlencode

from django.db.models import Count, DateTimeField, Func, IntegerField, Max, Min, Window
from django.db.models.expressions import RawSQL
from django.urls import reverse

from channels.database.reading import values
from channels.models import Channel
from conversations.lists.folders import FOLDERS, OPEN
from conversations.models import CauseTally, Delivery, Suppression
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.state import FAILURES, Triage
from conversations.triage.actions import ACTIONS, Action
from conversations.triage.remedies import RETRY, STOPPED, remedies
from conversations.watching.cause_key import CauseKey
from conversations.writing.reworking import IN_THE_WORDS, WITHDRAWN
from deliveryportal.accounts.models import User

AT_FIRST = 25  # causes on the page, unless all are asked for
AT_MOST = 1_000
LOOKED_AT = 200  # of a cause's failures, to know what stopped them

# By reason: the label and page where it is released, and whether that page can be
# searched.
RELEASED: dict[str, tuple[str, str, bool]] = {
    "suppressed": ("See what is suppressed", "suppression:suppressions", True),
    "domain_blocked": ("See the blocked domains", "suppression:domains", False),
}

OTHER_WORDS = "Whoever wrote it opens the message to edit it and send it again."
IF_STILL_THERE = (
    "Whoever wrote it, if they are still in the team, opens the message to edit it and "
    "send it again."
)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """One cause: how many, since when, and the actions that can work."""

    place: int  # among all, the worst is 1
    key: str
    title: str
    advice: str
    who: str
    number: int
    since: datetime
    last: datetime
    actions: tuple[Action, ...]
    first: tuple[str, str] | None  # what to do before: label and address of its button
    member: User | None = None  # if it counts the failures of one member only

    @property
    def url(self) -> str:
        """The list of its failures."""
        return _list_of(CauseKey.of(self.key), self.member)

    @property
    def links(self) -> list[tuple[Action, str]]:
        """Its actions, each with the address of its preview."""
        query = f"everything=1&tab=failed&{self._query}"
        return [(each, f"{each.url}?{query}") for each in self.actions]

    @cached_property
    def _query(self) -> str:
        return _narrowing_to(CauseKey.of(self.key), self.member)


@dataclass(frozen=True, slots=True)
class Causes:
    """The worst causes of `number` open failures; `more` are left out."""

    shown: list[Cause]
    number: int
    more: int


def causes_for(
    user: User,
    at_most: int = AT_FIRST,
    *,
    member: User | None = None,
    since: datetime | None = None,
    before: datetime | None = None,
) -> Causes:
    """The causes of all open failures that the user may see, the worst first.

    Or only of a member's, or of those since a time, or before it.
    """
    failures = Delivery.objects.visible_to(
        user, member
    ).unresolved()  # none is archived
    if since:
        failures = failures.filter(state_since__gte=since)
    if before:
        failures = failures.filter(state_since__lt=before)
    of_team = user.is_manager and not member
    if of_team and not (since or before):
        found = _tallied(failures, user, at_most)
    else:
        found = _counted(failures, at_most)
    keys = [row.key for row in found.worst]
    # A team's are found by the index of causes, a member's by that of the filters,
    # which has their reason.
    of_whom = (failures, "cause") if of_team else (failures.unarchived(), "reason")
    known = _Known(user, member, _channels(keys), _stops(*of_whom, keys))
    return Causes(
        [_cause(place, row, known) for place, row in enumerate(found.worst, 1)],
        number=found.failures,
        more=max(0, found.causes - len(found.worst)),
    )


class _Row(NamedTuple):
    """One cause, as the database has it."""

    key: str
    number: int
    since: datetime
    last: datetime


class _Found(NamedTuple):
    worst: list[_Row]
    failures: int  # of all causes
    causes: int


def _tallied(failures: DeliveryQuerySet, user: User, at_most: int) -> _Found:
    """Of a whole team, where counting would read too many."""
    tallies = CauseTally.objects.of_team(user.team_id)
    tallies.fold()
    rows = (
        tallies.order_by("-number")
        .annotate(since=_end("ASC"), last=_end("DESC"))
        .values_list("cause", "number", "since", "last")
    )
    dated = [
        row if row[0] else (*row[:2], *_ends(failures.filter(cause=None)))
        for row in values(rows, at_most)
    ]
    # One without a date: all of it was decided about after the tally was folded.
    worst = [_Row(*row) for row in dated if row[2]]
    worst.sort(key=lambda row: (row.number, row.last), reverse=True)
    return _Found(worst, *tallies.total())


@cache
def _end(order: str) -> RawSQL:
    """When a tally's first failure came ("ASC"), or its last ("DESC").

    Written by hand: Django would take longer to write this than all other queries of
    the page.
    """
    where, parameters = OPEN.where
    found = (
        "SELECT state_since FROM conversations_delivery "  # noqa: S608
        "WHERE team_id = conversations_causetally.team_id "
        f"AND cause = conversations_causetally.cause AND {where} "
        f"ORDER BY state_since {order} LIMIT 1"
    )
    return RawSQL(found, parameters, DateTimeField())  # noqa: S611 - all of it is ours


def _ends(failures: DeliveryQuerySet) -> tuple[datetime, datetime]:
    found = failures.aggregate(first=Min("state_since"), last=Max("state_since"))
    return found["first"], found["last"]


def _counted(failures: DeliveryQuerySet, at_most: int) -> _Found:
    rows = list(
        failures.values("cause")
        .annotate(number=Count("*"), first=Min("state_since"), last=Max("state_since"))
        .order_by("-number", "-last")
        # The totals in the same query: to add up a thousand rows here takes longer.
        .annotate(of_all=Window(_Total("number")), causes=Window(Count("*")))
        .values_list("cause", "number", "first", "last", "of_all", "causes")[:at_most]
    )
    of_all, causes = rows[0][4:] if rows else (0, 0)
    worst = [_Row(key or "", *row) for key, *row, _, _ in rows]
    return _Found(worst, int(of_all), causes)


@dataclass(frozen=True, slots=True)
class _Stop:
    """What stopped the failures of a cause here, the newest of them."""

    standing: bool  # something of it still stops mail
    released: bool  # something of it no longer does
    address: str  # the only one that was stopped; empty if there are several


@dataclass(frozen=True, slots=True)
class _Known:
    """What the causes speak of, as it stands now."""

    user: User
    member: User | None
    channels: Mapping[str, Channel]
    stops: Mapping[str, _Stop]


class _Total(Func):
    """A sum of aggregates, which Django's own Sum refuses to be."""

    function = "SUM"
    window_compatible = True
    output_field = IntegerField()


def number_decided(user: User, triage: Triage, member: User | None = None) -> int:
    return (
        Delivery.objects.visible_to(user, member)
        .unarchived()
        .filter(state__in=FAILURES, triage=triage)
        .count()
    )


def _channels(keys: Iterable[str]) -> dict[str, Channel]:
    ids = {key.what for key in map(CauseKey.of, keys) if key.of_channel}
    found = Channel.objects.filter(pk__in=ids).select_related("owner")
    return {str(each.pk): each for each in found}


def _stops(
    failures: DeliveryQuerySet, key: str, keys: Collection[str]
) -> dict[str, _Stop]:
    """By cause: what stopped its failures. Mostly no cause is one of STOPPED, and then
    nothing is asked.

    `key` is the column that `failures` are looked up by; for these causes both the
    cause and the reason have the same value.
    """
    by = {
        cause: {
            pk
            for [pk] in values(
                failures.filter(**{key: cause})
                .order_by("-state_since")
                .values_list("suppression"),
                LOOKED_AT,
            )
        }
        for cause in STOPPED.keys() & set(keys)
    }
    wanted = set().union(*by.values()) - {None}
    known = Suppression.objects.in_bulk(wanted)
    return {cause: _stop([known.get(pk) for pk in pks]) for cause, pks in by.items()}


def _stop(suppressions: Collection[Suppression | None]) -> _Stop:
    standing = [each for each in suppressions if each and not each.released_at]
    addresses = {each.address if each else "" for each in suppressions}
    return _Stop(
        standing=bool(standing),
        released=len(standing) < len(suppressions),
        address=addresses.pop() if len(addresses) == 1 else "",
    )


def _list_of(key: CauseKey, member: User | None) -> str:
    return f"{FOLDERS['failed'].url}?{_narrowing_to(key, member)}"


def _narrowing_to(key: CauseKey, member: User | None) -> str:
    whose = {"member": member.pk} if member else {}
    return urlencode(whose | {"triage": Triage.OPEN, "cause": key.in_address})


def _cause(place: int, row: _Row, known: _Known) -> Cause:
    key = CauseKey.of(row.key)
    reason, why = key.reason, key.why
    channel, stop = known.channels.get(key.what), known.stops.get(row.key)
    broken = channel is not None and not channel.is_working
    helping = remedies(reason or "unknown")
    if broken or (stop and not stop.released):
        helping = tuple(each for each in helping if each != RETRY)
    advice = why.advice_if(channel_works=channel is not None and channel.is_working)
    first = None
    if stop and stop.standing:
        first = _where_released(reason, stop)
    elif channel and broken:
        mender = _mender(channel, known.user)
        advice = f"{advice} {mender}".strip()
        first = None if mender else ("Delivery channel", reverse("settings:channel"))
    elif reason in IN_THE_WORDS | {WITHDRAWN}:
        words = IF_STILL_THERE if reason == WITHDRAWN else OTHER_WORDS
        advice = f"{advice} {words}"
        first = ("See each message", _list_of(key, known.member))
    return Cause(
        place=place,
        key=row.key,
        title=key.title(channel),
        advice=advice,
        who=why.who,
        number=row.number,
        since=row.since,
        last=row.last,
        actions=tuple(ACTIONS[each] for each in (*helping, "decide", "archive")),
        first=first,
        member=known.member,
    )


def _where_released(reason: str, stop: _Stop) -> tuple[str, str]:
    label, url_name, searched = RELEASED[reason]
    query = {"q": stop.address} if searched and stop.address else None
    return label, reverse(url_name, query=query)


def _mender(channel: Channel, user: User) -> str:
    """Say who can mend the channel, if the user cannot."""
    if channel.team_id:
        return "" if user.is_manager else "Your managers keep this server."
    if channel.owner_id is None:
        return "Your admin keeps it."
    return "" if channel.owner_id == user.pk else f"Only {channel.owner} can mend it."
