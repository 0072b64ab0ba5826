"""Failures grouped into what is behind them, the worst first, each with what can help."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from urllib.parse import urlencode

from django.db.models import Count, Func, IntegerField, Max, Min, Window
from django.urls import reverse
from django.utils.safestring import SafeString

from channels.models import Channel
from conversations.bounces.reasons import REASONS, Speaks
from conversations.markup import Html, as_html
from conversations.models import Delivery
from conversations.models.delivery import FAILURES, State, Triage
from conversations.triage.actions import ACTIONS, Action
from conversations.triage.remedies import RETRY, remedies
from deliveryportal.accounts.models import User

AT_FIRST = 25  # causes on the page, unless all are asked for
AT_MOST = 1_000

# A channel that is paused for its credentials says so in one of these.
SIGN_IN = re.compile(r"\b53[0-5]\b|authenti|password|credential|invalid_grant", re.I)

BUTTON = '<a id="{}-{}" class="button {}" aria-label="{}: {}" href="{}">{}</a>\n'


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

    @property
    def url(self) -> str:
        """Of the list of its failures."""
        reason, _, what = self.key.partition(":")
        found = {"triage": Triage.OPEN, "reason": reason}
        if "." in what:
            found["q"] = what
        return f"{reverse('conversations:failed')}?{urlencode(found)}"

    @property
    def links(self) -> list[tuple[Action, str]]:
        """Its actions, each with the address of its preview."""
        query = f"everything=1&tab=failed&{self._query}"
        return [(each, f"{each.url}?{query}") for each in self.actions]

    @property
    def buttons(self) -> SafeString:
        """The links, the first of them the one to press."""
        return as_html(
            Html(
                BUTTON,
                (
                    action.key,
                    str(self.place),
                    "" if number else "button--primary",
                    action.label,
                    self.title,
                    url,
                    action.label,
                ),
            )
            for number, (action, url) in enumerate(self.links)
        )

    @cached_property
    def _query(self) -> str:
        return urlencode({"triage": Triage.OPEN, "cause": self.key})


@dataclass(frozen=True, slots=True)
class Causes:
    """The worst causes of `number` open failures; `more` are left out."""

    shown: list[Cause]
    number: int
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Mail that has not failed, but waits behind a channel that a person must mend."""

    channel: Channel
    title: str
    words: str
    number: int
    since: datetime
    may_mend: bool


def causes_for(
    user: User,
    at_most: int = AT_FIRST,
    *,
    since: datetime | None = None,
    before: datetime | None = None,
) -> Causes:
    """The causes of all open failures that the user may see, the worst first.

    Or only of those since a time, or before it.
    """
    failures = Delivery.objects.visible_to(user).unresolved()  # none is archived
    if since:
        failures = failures.filter(state_since__gte=since)
    if before:
        failures = failures.filter(state_since__lt=before)
    rows = list(
        failures.values("cause")
        .annotate(number=Count("*"), first=Min("state_since"), last=Max("state_since"))
        .order_by("-number", "-last")
        # What all come to is worked out there: reading a thousand dates takes longer.
        .annotate(of_all=Window(_Total("number")), causes=Window(Count("*")))
        .values_list("cause", "number", "first", "last", "of_all", "causes")[:at_most]
    )
    of_all, causes = rows[0][4:] if rows else (0, 0)
    channels = _channels(key or "" for key, *_ in rows)
    return Causes(
        [
            _cause(place, key or "", number, since, last, channels)
            for place, (key, number, since, last, *_) in enumerate(rows, 1)
        ],
        number=int(of_all),
        more=causes - len(rows),
    )


class _Total(Func):
    """Over rows that are themselves aggregates, which Django's Sum refuses."""

    function = "SUM"
    window_compatible = True
    output_field = IntegerField()


def number_decided(user: User, triage: Triage) -> int:
    return (
        Delivery.objects.visible_to(user)
        .unarchived()
        .filter(state__in=FAILURES, triage=triage)
        .count()
    )


def _channels(keys: Iterable[str]) -> dict[str, Channel]:
    ids = {what for reason, what in map(_split, keys) if _of_channel(reason)}
    return {str(each.pk): each for each in Channel.objects.filter(pk__in=ids)}


def _split(key: str) -> tuple[str, str]:
    reason, _, what = key.partition(":")
    return reason, what


def _of_channel(reason: str) -> bool:
    why = REASONS.get(reason)
    return why is not None and why.of is Speaks.CHANNEL


def _cause(
    place: int,
    key: str,
    number: int,
    since: datetime,
    last: datetime,
    channels: dict[str, Channel],
) -> Cause:
    reason, what = _split(key)
    why = REASONS.get(reason, REASONS["unknown"])
    channel = channels.get(what)
    if channel:
        what = channel.known_as
    helping = remedies(reason or "unknown")
    if channel and not channel.is_working:
        helping = tuple(each for each in helping if each != RETRY)
    return Cause(
        place=place,
        key=key,
        title=why.at(what),
        advice=why.advice,
        who=why.who,
        number=number,
        since=since,
        last=last,
        actions=tuple(ACTIONS[each] for each in (*helping, "decide", "archive")),
    )


def held_for(user: User) -> list[Held]:
    """What waits for a channel to be mended, of what the user may see."""
    rows = (
        Delivery.objects.visible_to(user)
        .filter(state=State.QUEUED, channel__health=Channel.Health.PAUSED)
        .order_by()
        .values_list("channel")
        .annotate(Count("pk"), Min("created_at"))
    )
    found = {pk: (number, since) for pk, number, since in rows}
    mendable = set(Channel.objects.kept_by(user).values_list("pk", flat=True))
    return [
        _held(channel, *found[channel.pk], may_mend=channel.pk in mendable)
        for channel in Channel.objects.connected().filter(pk__in=found)
    ]


def _secret(channel: Channel) -> str:
    return "Consent" if channel.transport_class.oauth_provider else "Password"


def _held(channel: Channel, number: int, since: datetime, *, may_mend: bool) -> Held:
    name = channel.known_as
    refused = SIGN_IN.search(channel.paused_because)
    return Held(
        channel=channel,
        title=f"{_secret(channel)} of {name} was refused"
        if refused
        else f"{name} stopped working",
        words=channel.paused_because,
        number=number,
        since=channel.paused_at or since,
        may_mend=may_mend,
    )
