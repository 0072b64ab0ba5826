"""The tabs of Conversations and the lists inside them. A table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count
from django.urls import reverse

from channels.transports import all_transports
from conversations.models import Delivery
from conversations.models.delivery import DeliveryQuerySet, State
from deliveryportal.accounts.models import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One list inside a tab: the deliveries in some states.

    `tracked` narrows it to channels that record bounces, or to the others.
    """

    key: str
    label: str
    states: tuple[State, ...]
    empty: str  # what it means that nothing stands here
    tracked: bool | None = None

    def holds(self, state: str, kind: str) -> bool:
        return state in self.states and self.tracked in {None, _tracks(kind)}

    def of(self, deliveries: DeliveryQuerySet) -> DeliveryQuerySet:
        found = deliveries.filter(state__in=self.states)
        if self.tracked is None:
            return found
        kinds = [kind for kind in all_transports() if _tracks(kind) is self.tracked]
        return found.filter(channel__kind__in=kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One tab: everything in it, and its lists."""

    key: str
    label: str
    icon: str
    everything: Listing
    lists: tuple[Listing, ...]

    @property
    def url(self) -> str:
        return reverse(f"conversations:{self.key}")

    def listing(self, key: str) -> Listing | None:
        """Return the list named `key`; the whole folder for an empty key."""
        if not key:
            return self.everything
        return next((listing for listing in self.lists if listing.key == key), None)


def _tracks(kind: str) -> bool:
    transport = all_transports().get(kind)
    return transport is not None and transport.traits.records_bounces


def _folder(key: str, label: str, icon: str, empty: str, *lists: Listing) -> Folder:
    states = tuple(dict.fromkeys(state for each in lists for state in each.states))
    everything = Listing(key="", label="All", states=states, empty=empty)
    return Folder(key=key, label=label, icon=icon, everything=everything, lists=lists)


FOLDERS: dict[str, Folder] = {
    folder.key: folder
    for folder in (
        _folder(
            "sent",
            "Sent",
            "paper-airplane",
            "Mail stands here once the next server has taken it. Write your first.",
            Listing(
                key="delivered",
                label="Delivered",
                states=(State.ACCEPTED,),
                tracked=True,
                empty="Mail that Portal servers delivered stands here. A bounce that "
                "comes later moves it to Failed deliveries.",
            ),
            Listing(
                key="handed-over",
                label="Handed over, not tracked",
                states=(State.ACCEPTED,),
                tracked=False,
                empty="Mail that Gmail or your own server took stands here. What "
                "becomes of it afterwards, only that mailbox learns.",
            ),
        ),
        _folder(
            "pending",
            "Pending",
            "clock",
            "Nothing waits: every message has been sent or has failed.",
            Listing(
                key="in-progress",
                label="In progress",
                states=(
                    State.QUEUED,
                    State.CLAIMED,
                    State.HANDING_OVER,
                    State.DELAYED,
                ),
                empty="Nothing waits: every message has been sent or has failed.",
            ),
        ),
        _folder(
            "failed",
            "Failed deliveries",
            "exclamation-triangle",
            "No failure is known. For Portal servers that includes bounces; mail by "
            "Gmail or an SMTP server bounces into that mailbox and is not seen here.",
            Listing(
                key="failed",
                label="Failed",
                states=(State.FAILED,),
                empty="Mail that never left, or that the next server refused on the "
                "spot, stands here.",
            ),
            Listing(
                key="bounced",
                label="Bounced",
                states=(State.BOUNCED,),
                empty="Mail that was refused after a server had accepted it stands "
                "here. Only Portal servers record bounces.",
            ),
            Listing(
                key="spam",
                label="Spam",
                states=(State.COMPLAINED,),
                empty="Mail that its recipient marked as spam stands here.",
            ),
            Listing(
                key="unconfirmed",
                label="Unconfirmed",
                states=(State.UNCONFIRMED,),
                empty="If a connection is lost at the one moment when nobody can know "
                "whether a message was taken, it stands here. It is never sent again "
                "by itself.",
            ),
        ),
    )
}


def folder_of(delivery: Delivery) -> Folder:
    """Return the tab a delivery stands in."""
    return next(
        folder
        for folder in FOLDERS.values()
        if delivery.state in folder.everything.states
    )


def counts_for(user: User) -> Mapping[tuple[str, str], int]:
    """Return the number of deliveries by (folder, list); ("sent", "") is all of Sent."""
    tally = (
        Delivery.objects.visible_to(user)
        .unarchived()
        .values_list("state", "channel__kind")
        .annotate(Count("pk"))
    )
    counts: dict[tuple[str, str], int] = {}
    for state, kind, number in tally.order_by():
        for folder in FOLDERS.values():
            for listing in (folder.everything, *folder.lists):
                if listing.holds(state, kind):
                    key = (folder.key, listing.key)
                    counts[key] = counts.get(key, 0) + number
    return counts
