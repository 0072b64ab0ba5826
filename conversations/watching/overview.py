"""A team's mail in pictures, for its managers: from hourly tallies, not deliveries.

Each number links to the list it is about. The list shows the present state: mail that
was sent and bounced later is counted as both here, but is no longer in Sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.urls import reverse
from django.utils.timezone import localdate, make_aware

from channels.addresses import shown_domain
from channels.transports import all_transports, kind_choices
from conversations.models import Delivery, DeliveryEvent, Tally, TallyMark
from conversations.models.state import FAILURES
from conversations.watching.normal import DAYS, WEEKS, Rate, left_normal
from conversations.watching.pictures import Picture, Series, share, stacked
from deliveryportal.accounts.models import User

Kind = DeliveryEvent.Kind
# The periods to choose from, by the keys of the lists' filter `when`.
SPANS = {"7": 7, "30": 30, "90": 90}
USUAL_SPAN = "30"
MOST_DOMAINS = 10
# Domains are counted among this many of the newest failures, however many there are.
NEWEST = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One thing that becomes of mail, and the list it is then in."""

    kind: Kind
    title: str
    says: str
    folder: str
    list: str = ""
    # Shown only for channels that record bounces: for others, a 0 would mislead.
    tracked: bool = False


OUTCOMES = (
    Outcome(
        kind=Kind.ACCEPTED,
        title="Sent",
        says="Taken by the next server.",
        folder="sent",
    ),
    Outcome(
        kind=Kind.FAILED,
        title="Failed",
        says="Never left, or was refused on the spot.",
        folder="failed",
        list="failed",
    ),
    Outcome(
        kind=Kind.BOUNCED,
        title="Bounced",
        says="Refused after the next server had taken it.",
        folder="failed",
        list="bounced",
        tracked=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Domain:
    name: str
    number: int
    share: int
    url: str


@dataclass(frozen=True, slots=True)
class Member:
    """How a member's mail fared lately, beside their own usual."""

    name: str
    lately: Rate
    before: Rate
    url: str

    @property
    def stands_out(self) -> bool:
        return left_normal(self.lately, self.before)


def pictures(user: User, span: str) -> list[Picture]:
    """Sent, failed and bounced of the user's team, per day and channel."""
    days = _days(SPANS[span])
    counted = _per_day(user, _midnight(days[0]))
    kinds = {kind for _, kind, _ in counted}
    transports = all_transports()
    labels = [(kind, words) for kind, words in kind_choices() if kind in kinds]
    return [
        _picture(
            outcome,
            days,
            span,
            {
                place: label
                for place, label in enumerate(labels, 1)
                if not outcome.tracked or transports[label[0]].traits.records_bounces
            },
            counted,
        )
        for outcome in OUTCOMES
    ]


def is_being_counted(user: User) -> bool:
    """Whether the team has events that are not in the tallies yet."""
    table = DeliveryEvent._meta.db_table
    mark = TallyMark.objects.filter(table=table).first()
    not_yet = DeliveryEvent.objects.filter(pk__gt=mark.counted_to if mark else 0)
    kinds = [outcome.kind for outcome in OUTCOMES]
    return not_yet.filter(kind__in=kinds, delivery__team=user.team_id).exists()


def domains(user: User, span: str) -> list[Domain]:
    """The recipient domains with the most failures, open or not, among the newest."""
    newest = (
        Delivery.objects.visible_to(user)
        .unarchived()
        .filter(
            state__in=FAILURES,
            state_since__gte=_midnight(_days(SPANS[span])[0]),
        )
        .order_by("-state_since")
        .values_list("recipient_domain", flat=True)[:NEWEST]
    )
    counted = sorted(Counter(newest).items(), key=lambda each: (-each[1], each[0]))
    rows = counted[:MOST_DOMAINS]
    most = rows[0][1] if rows else 0
    return [
        Domain(
            name, number, share(number, most), _url("failed", q=f"@{name}", when=span)
        )
        for name, number in ((shown_domain(wire), number) for wire, number in rows)
    ]


def members(user: User) -> list[Member]:
    """Members who sent mail lately; first those with more failures than is normal."""
    since = _midnight(_days(DAYS)[0])
    lately, before = Q(hour__gte=since), Q(hour__lt=since)
    lost = Q(kind__in=[Kind.FAILED, Kind.BOUNCED])
    tried = Q(kind__in=[Kind.ACCEPTED, Kind.FAILED])
    rows = (
        Tally.objects.filter(
            team=user.team_id,
            hour__gte=since - timedelta(weeks=WEEKS),
            kind__in=[Kind.ACCEPTED, Kind.FAILED, Kind.BOUNCED],
        )
        .values_list("sender")
        .annotate(
            lost_lately=_sum(lost & lately),
            tried_lately=_sum(tried & lately),
            lost_before=_sum(lost & before),
            tried_before=_sum(tried & before),
        )
        .order_by()
    )
    # A query of its own: joined, it would read the tallies member by member.
    names = dict(User.objects.filter(team=user.team_id).values_list("pk", "name"))
    found = [
        Member(
            names[pk],
            Rate(failed, sent),
            Rate(failed_before, sent_before),
            _url("failed", member=pk, when=str(DAYS)),
        )
        for pk, failed, sent, failed_before, sent_before in rows
        if pk in names and (sent or failed)
    ]
    found.sort(key=lambda each: (not each.stands_out, -each.lately.value, each.name))
    return found


def _sum(of: Q) -> Coalesce:
    return Coalesce(Sum("number", filter=of), 0)


def _days(number: int) -> list[date]:
    """The last `number` days by the active time zone, ending with today."""
    today = localdate()
    return [today - timedelta(days=back) for back in range(number - 1, -1, -1)]


def _midnight(day: date) -> datetime:
    return make_aware(datetime.combine(day, time.min))


Counted = Mapping[tuple[date, str, str], int]  # by day, kind of channel, outcome


def _per_day(user: User, since: datetime) -> Counted:
    """Where a time zone is off by half an hour, that hour counts to the day before."""
    rows = (
        Tally.objects.filter(
            team=user.team_id,
            hour__gte=since,
            kind__in=[outcome.kind for outcome in OUTCOMES],
        )
        .annotate(day=TruncDate("hour"))
        .values_list("day", "channel__kind", "kind")
        .annotate(Sum("number"))
        .order_by()
    )
    return {(day, channel, kind): number for day, channel, kind, number in rows}


def _picture(
    outcome: Outcome,
    days: list[date],
    span: str,
    labels: Mapping[int, tuple[str, str]],
    counted: Counted,
) -> Picture:
    totals: Counter[str] = Counter()
    for (_, channel, kind), number in counted.items():
        if kind == outcome.kind:
            totals[channel] += number
    where = {"list": outcome.list} if outcome.list else {}
    series = [
        Series(
            place=place,
            label=label,
            number=totals[channel],
            url=_url(outcome.folder, **where, channel=channel, when=span),
        )
        for place, (channel, label) in labels.items()
    ]
    places = {channel: place for place, (channel, _) in labels.items()}
    numbers = {
        (day, places[channel]): number
        for (day, channel, kind), number in counted.items()
        if kind == outcome.kind and channel in places
    }
    bars, highest = stacked(
        days,
        series,
        numbers,
        {day: _urls_of(day, outcome.folder, where, places) for day in days},
    )
    return Picture(
        key=outcome.kind.value,
        title=outcome.title,
        says=outcome.says,
        number=sum(numbers.values()),
        url=_url(outcome.folder, **where, when=span),
        series=series,
        bars=bars,
        highest=highest,
    )


def _urls_of(
    day: date, folder: str, where: dict[str, str], places: Mapping[str, int]
) -> tuple[str, dict[int, str]]:
    """The addresses of the day's list, and of the day's list by channel."""
    only = {**where, "since": day.isoformat(), "until": day.isoformat()}
    return _url(folder, **only), {
        place: _url(folder, **only, channel=channel)
        for channel, place in places.items()
    }


def _url(folder: str, **query: object) -> str:
    return f"{reverse(f'conversations:{folder}')}?{urlencode(query)}"
