"""The first page of Django admin: is mail flowing, what waits and why, what needs a hand.

Every figure is bounded by what waits or comes from the hourly tallies, and leads to
the list of what it is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Sum
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.timezone import now

from channels.database.clock import SKEWED
from channels.models import Channel
from channels.transports import kind_choices, transport_class
from conversations.models import Alert, Delivery, DeliveryEvent, Hold, Report, Tally
from conversations.watching.figures import (
    AGES,
    LATER,
    OLDER,
    OVERDUE,
    Figures,
    figures,
    waits,
)
from conversations.watching.pictures import HEIGHT, Bar, Series, stacked
from deliveryportal.accounts.models import User
from deliveryportal.admin_menu import Rows, number_of
from deliveryportal.health import SWEEP_OVERDUE, last_sweep

Kind = DeliveryEvent.Kind
HOURS = 24
UNREAD_FOR = timedelta(minutes=2)  # of a report; a worker reads one in seconds
SHOWN = {
    Kind.ACCEPTED: "handed over",
    Kind.FAILED: "failed",
    Kind.BOUNCED: "bounced",
    Kind.UNCONFIRMED: "unconfirmed",
}
GOOD, BAD = "good", "bad"
MOST_HOLDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One answer, good or bad or neither, and where to look further."""

    label: str
    value: str
    url: str
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelHours:
    """What became of the mail of one kind of channel, hour by hour."""

    label: str
    url: str
    series: list[Series]
    bars: list[Bar]
    highest: int
    last: str  # this hour and the one before it, in words

    @property
    def view_box(self) -> str:
        return f"0 0 {10 * HOURS} {HEIGHT}"


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What unfold's DASHBOARD_CALLBACK asks for."""
    at, known = now(), figures()
    hours = [
        at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=back)
        for back in range(HOURS - 1, -1, -1)
    ]
    facts = _flow(at, known)
    return context | {
        "flowing": all(fact.tone != BAD for fact in facts),
        "facts": facts,
        "channels": _channels(hours),
        "hours": hours,
        "ages": [label for label, _ in AGES] + [OLDER, LATER],
        "queue": _queue(known),
        "waits": waits(at),
        "waits_url": _list("conversations_delivery", waiting="reason"),
        "holds": Hold.objects.in_force(at)
        .select_related("team", "sender", "channel")
        .order_by("-pk")[:MOST_HOLDS],
        "holds_url": _list("conversations_hold", in_force="yes"),
        "needs": [*_needs(), *_clock(known)],
    }


def _list(model: str, **query: str) -> str:
    url = reverse(f"admin:{model}_changelist")
    return f"{url}?{urlencode(query)}" if query else url


def _flow(at: datetime, known: Figures) -> list[Fact]:
    swept = last_sweep()
    return [
        Fact(
            label="Oldest mail that is due",
            value=_for(at, known.oldest_due) if known.oldest_due else "none waits",
            url=_list("conversations_delivery", waiting="overdue"),
            tone=BAD if known.oldest_due and known.oldest_due > OVERDUE else GOOD,
        ),
        Fact(
            label="Last sweep",
            value=f"{_for(at, swept)} ago" if swept is not None else "never",
            url=_list("conversations_heartbeat"),
            tone=BAD if swept is None or swept > SWEEP_OVERDUE else GOOD,
        ),
        Fact(
            label="In hand now",
            value=str(known.in_hand),
            url=_list("conversations_delivery", waiting="in_hand"),
        ),
        Fact(
            label="Lanes that wait for a limit",
            value=str(known.resting),
            url=_list("channels_allowance"),
        ),
        Fact(
            label="Put off: our mail server takes none",
            value=str(known.put_off),
            url=_list("conversations_delivery", waiting="reason"),
            tone=BAD if known.put_off else GOOD,
        ),
        Fact(
            label="Paused by an admin",
            value=paused(known),
            url=_list("conversations_hold", in_force="yes"),
            tone=BAD if Hold.Scope.EVERYTHING in known.pauses else "",
        ),
    ]


def _clock(known: Figures) -> list[Fact]:
    """Nothing if the clocks agree."""
    if abs(known.clock_ahead) <= SKEWED:
        return []
    ahead = known.clock_ahead > timedelta(0)
    way = "ahead of" if ahead else "behind"
    return [
        Fact(
            label=f"A machine’s clock is {way} the database’s: leases go by it, set it right",
            value=f"{abs(known.clock_ahead).total_seconds():.0f} s",
            url=_list("conversations_heartbeat"),
            tone=BAD,
        )
    ]


def paused(known: Figures) -> str:
    """How much of the mail waits because somebody wants it to, in a word or two."""
    if Hold.Scope.EVERYTHING in known.pauses:
        return "everything"
    parts = sum(known.pauses.values())
    return f"{parts} part{pluralize(parts)}" if parts else "nothing"


def _for(at: datetime, age: timedelta) -> str:
    seconds = int(age.total_seconds())
    return f"{seconds} s" if seconds < 120 else timesince(at - age, at)


def _channels(hours: list[datetime]) -> list[ChannelHours]:
    rows = (
        Tally.objects.filter(hour__gte=hours[0], kind__in=SHOWN)
        .values_list("hour", "channel__kind", "kind")
        .annotate(Sum("number"))
        .order_by()
    )
    counted = {(hour, channel, kind): number for hour, channel, kind, number in rows}
    return [_channel(hours, kind, label, counted) for kind, label in kind_choices()]


def _channel(
    hours: list[datetime],
    kind: str,
    label: str,
    counted: Mapping[tuple[datetime, str, str], int],
) -> ChannelHours:
    url = _list("conversations_delivery", kind=kind)
    numbers = {
        (hour, place): counted.get((hour, kind, outcome), 0)
        for hour in hours
        for place, outcome in enumerate(SHOWN, 1)
    }
    series = [
        Series(
            place=place,
            label=words,
            number=sum(numbers[hour, place] for hour in hours),
            url=url,
        )
        for place, (outcome, words) in enumerate(SHOWN.items(), 1)
        # Where a channel does not record bounces a 0 would be false.
        if outcome != Kind.BOUNCED or transport_class(kind).traits.records_bounces
    ]
    places = dict.fromkeys((each.place for each in series), url)
    urls = dict.fromkeys(hours, (url, places))
    bars, highest = stacked(hours, series, numbers, urls)
    lately = {
        each.label: sum(numbers[hour, each.place] for hour in hours[-2:])
        for each in series
    }
    return ChannelHours(
        label=label,
        url=url,
        series=series,
        bars=bars,
        highest=highest,
        last=", ".join(f"{number} {words}" for words, number in lately.items()),
    )


def _queue(known: Figures) -> list[tuple[str, str, list[int]]]:
    """Of each kind of channel: how much has been due for how long."""
    ages = [label for label, _ in AGES] + [OLDER, LATER]
    return [
        (
            label,
            _list("conversations_delivery", kind=kind, state__exact="queued"),
            [known.queued.get((kind, age), 0) for age in ages],
        )
        for kind, label in kind_choices()
    ]


def _needs() -> list[Fact]:
    """What does not mend itself; what there is none of is told too."""
    nobody_yet = Fact(
        label="People besides admins: invite the first to your team",
        value="0",
        url=reverse("accounts:team"),
        tone=BAD,
    )
    lists: list[tuple[str, Rows, str]] = [
        (
            "Channels that stopped working",
            lambda: Channel.objects.connected().filter(health=Channel.Health.PAUSED),
            _list("channels_channel", health__exact="paused", connected="yes"),
        ),
        (
            "Alerts: somebody refuses our mail",
            Alert.objects.open,
            _list("conversations_alert", standing="open"),
        ),
        (
            "Reports that no worker has read",
            lambda: Report.objects.unread_since(now() - UNREAD_FOR),
            _list("conversations_report", state__exact="unread"),
        ),
        (
            "Reports that could not be read",
            Report.objects.unreadable,
            _list("conversations_report", state__exact="unreadable"),
        ),
        (
            "Reports without a delivery",
            Report.objects.strays,
            _list("conversations_report", matched="stray"),
        ),
        (
            "Leases that a worker left behind",
            lambda: Delivery.objects.lease_expired(now()),
            _list("conversations_delivery", waiting="abandoned"),
        ),
    ]
    known = [
        Fact(label=label, value=number or "0", url=url, tone=BAD if number else GOOD)
        for label, rows, url in lists
        for number in [number_of(rows)]
    ]
    return [nobody_yet, *known] if User.objects.only_admins() else known
