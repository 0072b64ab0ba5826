"""The tabs of Conversations and the lists inside them. A table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, reduce
from operator import or_
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import F, Q
from django.urls import get_script_prefix, reverse
from django.utils.timezone import now

from channels.database.personal import Clause, Theirs
from channels.transports import labels_of_kinds
from conversations.models import Delivery, Draft
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.sought import (
    Day,
    FourDays,
    FourHours,
    HalfDay,
    IndexedStates,
    Span,
    Word,
)
from conversations.models.state import FAILURES, State, Triage
from deliveryportal.accounts.models import User


class Spans(NamedTuple):
    """The spans of time by which a team's coarse index is ordered, and a sender's."""

    of_team: type[Span]
    of_sender: type[Span]

    def seen_by(self, user: User) -> type[Span]:
        """Those of the index that holds all the user may see."""
        return self.of_team if user.is_manager else self.of_sender


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Deliveries that the database can read from one index, by `state_since`.

    `indexed`: all states that the index holds, if it holds more than `states`.
    `tracked`: True: only channels that record bounces; False: only the others.
    `archived`: None: no need to ask, because the index holds only one kind.
    `spans`: a coarse index is ordered by these instead of the time; see models.sought.
    `further`: a condition that no index answers; `most` if most rows meet it.
    """

    states: tuple[State, ...] = ()
    indexed: tuple[State, ...] = ()
    tracked: bool | None = None
    triage: Triage | None = None
    archived: bool | None = False
    spans: Spans | None = None
    further: Callable[[], Q] | None = None  # a function, because it may ask the time
    most: bool = False

    @property
    def condition(self) -> Q:
        found = Q()
        if self.archived is not None:
            found &= Q(archived_at__isnull=not self.archived)
        if len(self.states) == 1:
            found &= Q(state=Word(self.states[0].value))
        elif self.states:
            found &= Q(state__in=[Word(state.value) for state in self.states])
        if self.indexed:
            found &= Q(IndexedStates(self.indexed))
        if self.triage:
            found &= Q(triage=Word(self.triage.value))
        if self.tracked is not None:
            found &= Q(tracked=self.tracked)
        return found & self.further() if self.further else found

    @property
    def where(self) -> Clause:
        """The condition as SQL, which is written once if it never changes."""
        return clause_of(self.condition) if self.further else _clause_of(self)

    def holds(self, delivery: Delivery) -> bool:
        return (delivery.archived_at is not None) == self.archived and (
            not self.states or delivery.state in self.states
        )


@cache
def _clause_of(stream: Stream) -> Clause:
    return clause_of(stream.condition)


def clause_of(condition: Q) -> Clause:
    """The condition on deliveries as SQL."""
    query = Delivery.objects.filter(condition).query
    sql, params = query.where.as_sql(query.get_compiler(DEFAULT_DB_ALIAS), connection)
    return sql, tuple(params)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list inside a tab: one stream of deliveries, or several together."""

    key: str
    label: str
    streams: tuple[Stream, ...]
    # What it means that nothing stands here. `{tracked}` and `{others}` are the kinds of
    # channel whose bounces are recorded, and those whose bounces are not.
    empty: str
    has_departures: bool = False  # everything in it has a time at which it leaves

    def of(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        return deliveries.filter(
            reduce(or_, (stream.condition for stream in self.streams))
        )

    def holds(self, delivery: Delivery) -> bool:
        return any(stream.holds(delivery) for stream in self.streams)

    @property
    def when_empty(self) -> str:
        return self.empty.format(
            tracked=_kinds(recording_bounces=True),
            others=_kinds(recording_bounces=False),
        )

    @property
    def states(self) -> set[State]:
        return {state for stream in self.streams for state in stream.states}

    @property
    def has_waiting(self) -> bool:
        return State.QUEUED in self.states

    @property
    def has_failures(self) -> bool:
        return any(
            stream.archived or set(stream.states) & set(FAILURES)
            for stream in self.streams
        )

    @property
    def knows_filters(self) -> bool:
        """Whether the index of filter_index covers it."""
        return self.states <= set(FAILURES) and not any(
            stream.archived for stream in self.streams
        )


def _kinds(*, recording_bounces: bool) -> str:
    return ", ".join(labels_of_kinds(recording_bounces=recording_bounces)) or "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A list inside a tab that is not of deliveries, on a page of its own."""

    has_departures: ClassVar[bool] = False

    key: str
    label: str
    icon: str
    url_name: str
    rows: Theirs[Any]
    when_empty: str

    @property
    def url(self) -> str:
        return reverse(self.url_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One tab: everything in it, and its lists."""

    key: str
    label: str
    icon: str
    everything: Listing
    lists: tuple[Listing, ...]
    neighbours: tuple[Neighbour, ...] = ()
    to_do: Listing | None = None  # what the number on its tab counts, if not everything

    @property
    def url(self) -> str:
        return _page_of(self.key, get_script_prefix())

    @property
    def counted(self) -> Listing:
        return self.to_do or self.everything

    @property
    def all_lists(self) -> tuple[Listing, ...]:
        return (self.everything, *self.lists)

    @property
    def besides(self) -> list[Theirs[Any]]:
        """The rows of its neighbours: the number on its tab includes the user's."""
        return [each.rows for each in self.neighbours]

    def address(self, **query: str) -> str:
        query = {key: value for key, value in query.items() if value}
        return f"{self.url}?{urlencode(query)}" if query else self.url

    def listing(self, key: str) -> Listing | None:
        """Return the list named `key`; the whole folder for an empty key."""
        return next((each for each in self.all_lists if each.key == key), None)


@cache
def _page_of(key: str, prefix: str) -> str:
    """Kept, because one page asks a dozen times; `prefix`, because the result has it."""
    return reverse(f"conversations:{key}")


DELIVERED = Stream(states=(State.ACCEPTED,), tracked=True, spans=Spans(FourHours, Day))
HANDED_OVER = Stream(
    states=(State.ACCEPTED,), tracked=False, spans=Spans(HalfDay, FourDays)
)
ARCHIVED = Stream(archived=True, spans=Spans(FourHours, Day))
RARE = (State.COMPLAINED, State.UNCONFIRMED)  # the states of index conv_failed_rare
# The condition of the indexes by cause. None is archived: archiving one counts as a decision.
OPEN = Stream(states=FAILURES, triage=Triage.OPEN, archived=None)
PENDING = (State.QUEUED, State.HANDING_OVER, State.DELAYED)


def scheduled() -> Q:
    """It waits only for the time that a person named: `Delivery.is_scheduled` as a Q."""
    undone = F("created_at") + timedelta(seconds=settings.UNDO_SECONDS)
    queued = Q(state=Word(State.QUEUED.value), waiting_for=Word(""))
    waits = queued & Q(not_before__gt=now())
    return waits & Q(not_before__gt=undone)


def _timed() -> Q:
    """The same, with the condition of its index, so that the database uses that."""
    return scheduled() & Q(not_before__gt=F("created_at"))


DRAFTS = Neighbour(
    key="drafts",
    label="Drafts",
    icon="document-text",
    url_name="conversations:drafts",
    rows=Draft.objects.of,
    when_empty="What you write is saved here by itself until you send it. Only you see it. "
    "Mail that you take back before it leaves comes here too.",
)
FOLDERS: dict[str, Folder] = {
    folder.key: folder
    for folder in (
        Folder(
            key="sent",
            label="Sent",
            icon="paper-airplane",
            everything=Listing(
                key="",
                label="All",
                streams=(DELIVERED, HANDED_OVER),
                empty="Mail stands here once the next server has taken it. Write your "
                "first.",
            ),
            lists=(
                Listing(
                    key="delivered",
                    label="Delivered",
                    streams=(DELIVERED,),
                    empty="Mail by a channel that records bounces ({tracked}) stands "
                    "here once the next server has taken it. A bounce that comes later "
                    "moves it to Failed deliveries.",
                ),
                Listing(
                    key="handed-over",
                    label="Handed over, not tracked",
                    streams=(HANDED_OVER,),
                    empty="Mail by a channel that records no bounces ({others}) stands "
                    "here once its server has taken it. What becomes of it afterwards, "
                    "only the mailbox it was sent from learns.",
                ),
                Listing(
                    key="archived",
                    label="Archived",
                    streams=(ARCHIVED,),
                    empty="What you archive, sent or failed, leaves its list and "
                    "stands here.",
                ),
            ),
        ),
        Folder(
            key="pending",
            label="Pending",
            icon="clock",
            everything=Listing(
                key="",
                label="All",
                streams=(Stream(states=PENDING),),
                empty="Nothing waits: every message has been sent or has failed.",
            ),
            lists=(
                Listing(
                    key="scheduled",
                    label="Scheduled",
                    streams=(Stream(states=PENDING, further=_timed),),
                    empty="Mail that is to leave at a time you named stands here.",
                    has_departures=True,
                ),
                Listing(
                    key="in-progress",
                    label="In progress",
                    streams=(
                        Stream(states=PENDING, further=lambda: ~scheduled(), most=True),
                    ),
                    empty="Nothing is on its way. What waits for a limit or for "
                    "another server says so here, and until when.",
                ),
            ),
            neighbours=(DRAFTS,),
        ),
        Folder(
            key="failed",
            label="Failed deliveries",
            icon="exclamation-triangle",
            everything=Listing(
                key="",
                label="All",
                streams=(Stream(states=FAILURES),),
                empty="No failure is known. That includes bounces if the channel "
                "records them ({tracked}). Mail by any other ({others}) bounces into the "
                "mailbox it was sent from, and that is not seen here.",
            ),
            lists=(
                Listing(
                    key="failed",
                    label="Failed",
                    streams=(Stream(states=(State.FAILED,), indexed=FAILURES),),
                    empty="Mail that never left, or that the next server refused on "
                    "the spot, stands here.",
                ),
                Listing(
                    key="bounced",
                    label="Bounced",
                    streams=(Stream(states=(State.BOUNCED,), indexed=FAILURES),),
                    empty="Mail that was refused after a server had accepted it "
                    "stands here. Channels that record bounces: {tracked}. Mail by any "
                    "other bounces into the mailbox it was sent from.",
                ),
                Listing(
                    key="spam",
                    label="Spam",
                    streams=(Stream(states=(State.COMPLAINED,), indexed=RARE),),
                    empty="Mail that its recipient marked as spam stands here.",
                ),
                Listing(
                    key="unconfirmed",
                    label="Unconfirmed",
                    streams=(Stream(states=(State.UNCONFIRMED,), indexed=RARE),),
                    empty="If a connection is lost at the one moment when nobody can "
                    "know whether a message was taken, it stands here. It is never "
                    "sent again by itself.",
                ),
            ),
            to_do=Listing(
                key="open",
                label="Nobody has decided about these",
                streams=(OPEN,),
                empty="Nothing waits for a decision.",
            ),
        ),
    )
}


def list_of(delivery: Delivery) -> tuple[Folder, Listing]:
    """Return the tab a delivery stands in, and the first of its lists that has it."""
    return next(
        (folder, listing)
        for folder in FOLDERS.values()
        for listing in folder.all_lists
        if listing.holds(delivery)
    )
