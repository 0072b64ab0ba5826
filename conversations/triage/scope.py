"""The deliveries of an action: some that were ticked, or everything in a list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Count, Q
from django.http import QueryDict
from django.utils.timezone import now

from conversations.lists.browsing import Browsing
from conversations.models import Delivery
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.state import State
from conversations.triage.refusing import Standing
from deliveryportal.accounts.models import User

CHOSEN_AT_MOST = 1_000
LOOKED_THROUGH = 100_000  # the most deliveries to read while somebody waits
AS_OF = "as_of"  # in a query: when its list was looked at, what came later is not meant


@dataclass(frozen=True, slots=True)
class Scope:
    """`uuids` of ticked deliveries; if there are none, `query` is that of the list."""

    uuids: tuple[UUID, ...]
    query: str

    @classmethod
    def from_query(cls, query: QueryDict) -> Scope | None:
        """Read `?delivery=…&delivery=…`, or `?everything=1&…`; None if it is neither."""
        if query.get("everything"):
            # A form sends the list's own address as one field.
            listed = QueryDict(query.get("query", ""), mutable=True)
            for key in query.keys() - {"delivery", "query", "everything", "next"}:
                listed[key] = query.get(key, "")
            listed.setdefault(AS_OF, now().isoformat())
            return cls((), listed.urlencode())
        uuids = tuple(dict.fromkeys(uuids_in(query.getlist("delivery"))))
        return cls(uuids[:CHOSEN_AT_MOST], "") if uuids else None

    @property
    def as_of(self) -> str:
        """When its list was looked at first; empty for ticked deliveries."""
        return QueryDict(self.query).get(AS_OF, "")

    @property
    def is_of_many(self) -> bool:
        """Whether it is a selection or a list, and not one that somebody looks at."""
        return len(self.uuids) != 1

    def browsing(self, user: User) -> Browsing | None:
        """The view of the list; None if deliveries were ticked, or there is none."""
        return None if self.uuids else _browsing(user, QueryDict(self.query))

    def deliveries(self, user: User) -> DeliveryQuerySet:
        if self.uuids:
            return Delivery.objects.visible_to(user).filter(uuid__in=self.uuids)
        return _listed(user, QueryDict(self.query))

    def foreseen(self, user: User) -> tuple[DeliveryQuerySet, bool]:
        """The deliveries that a preview looks at, and whether these are all.

        Only the latest, if the list is long or no index finds its matches: a preview
        must not take that long.
        """
        browsing = self.browsing(user)
        if browsing is None or browsing.can_be_looked_through(LOOKED_THROUGH):
            return self.deliveries(user), True
        latest = browsing.latest(CHOSEN_AT_MOST)
        ids = [each.pk for each in latest.rows]
        found = Delivery.objects.filter(_until(QueryDict(self.query)), pk__in=ids)
        return found, latest.is_all


def groups(deliveries: DeliveryQuerySet) -> list[tuple[Standing, str, int]]:
    """Count deliveries as (standing, kind of channel, number)."""
    stopped = Q(suppression__isnull=False, suppression__released_at=None)
    rows = (
        deliveries.order_by()
        .annotate(archived=Q(archived_at__isnull=False), stopped=stopped)
        .values_list("channel_kind", "state", "reason", "archived", "stopped", "triage")
        .annotate(Count("pk"))
    )
    return [(Standing(*what), kind, number) for kind, *what, number in rows]


def uuids_in(texts: Iterable[str]) -> Iterable[UUID]:
    for text in texts:
        try:
            yield UUID(text)
        except ValueError:
            continue


def _browsing(user: User, query: QueryDict) -> Browsing | None:
    return Browsing.of(user, query.get("tab", "failed"), query)


def _listed(user: User, query: QueryDict) -> DeliveryQuerySet:
    """The deliveries on all pages of a list."""
    browsing = _browsing(user, query)
    if browsing is None:
        return Delivery.objects.none()
    return browsing.everything().filter(_until(query))


def _until(query: QueryDict) -> Q:
    """What the list had when it was looked at, and still has."""
    try:
        at = datetime.fromisoformat(query.get(AS_OF, "")).astimezone(UTC)
    except (ValueError, OverflowError):  # somebody has changed the address
        return Q()
    # What waits may have been tried since, and waits again: it was there all the same.
    return Q(state_since__lte=at) | Q(state=State.QUEUED, created_at__lte=at)
