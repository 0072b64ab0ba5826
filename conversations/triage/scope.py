"""What an action is about: some chosen deliveries, or everything that a list shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count
from django.http import QueryDict

from conversations.folders import FOLDERS
from conversations.models import Delivery
from conversations.models.delivery import DeliveryQuerySet
from deliveryportal.accounts.models import User

CHOSEN_AT_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Scope:
    """`uuids` were chosen one by one; without any, `query` says what list it is."""

    uuids: tuple[UUID, ...]
    query: str

    @classmethod
    def from_query(cls, query: QueryDict) -> Scope | None:
        """Read `?delivery=…&delivery=…`, or `?everything=1&…`; None if it is neither."""
        if query.get("everything"):
            rest = query.copy()
            rest.pop("delivery", None)
            return cls((), rest.urlencode())
        uuids = tuple(dict.fromkeys(_uuids(query.getlist("delivery"))))
        return cls(uuids[:CHOSEN_AT_MOST], "") if uuids else None

    def deliveries(self, user: User) -> DeliveryQuerySet:
        visible = Delivery.objects.visible_to(user)
        if self.uuids:
            return visible.filter(uuid__in=self.uuids)
        return _listed(visible, QueryDict(self.query))

    def groups(self, user: User) -> list[tuple[str, str, str, int]]:
        """Count them as (state, reason, kind of channel, number)."""
        return list(
            self.deliveries(user)
            .order_by()
            .values_list("state", "reason", "channel__kind")
            .annotate(Count("pk"))
        )


def _uuids(texts: Iterable[str]) -> Iterable[UUID]:
    for text in texts:
        try:
            yield UUID(text)
        except ValueError:
            continue


def _listed(visible: DeliveryQuerySet, query: QueryDict) -> DeliveryQuerySet:
    folder = FOLDERS.get(query.get("folder", ""), FOLDERS["failed"])
    listing = folder.listing(query.get("list", "")) or folder.everything
    found = listing.of(visible.unarchived())
    if "cause" in query:
        found = found.filter(cause=query["cause"] or None)
    if triage := query.get("triage"):
        found = found.filter(triage=triage)
    return found
