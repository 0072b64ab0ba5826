"""A user's view of a list of deliveries: how its matches are counted and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

from django.http import QueryDict

from conversations.lists.columns import Layout
from conversations.lists.counting import CAP, Counting, Number
from conversations.lists.filtering import UNINDEXED, Filter, Known
from conversations.lists.folders import FOLDERS, Folder, Listing, Stream
from conversations.lists.looking import Looking
from conversations.lists.orders import NEWEST_FIRST
from conversations.lists.paging import Page, Part, Place, read_page
from conversations.models import Delivery
from conversations.models.delivery import BY_CAUSE
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.sought import Day, Span
from conversations.models.state import Triage
from deliveryportal.accounts.models import User

FAILED = FOLDERS["failed"].everything
# Words that many of these next rows have are met soon in the list's own order: a page
# of them within so many rows. A thousand take PostgreSQL 2 to 3 ms.
SAMPLE, SOON = 300, 2_000
DATES = {"when", "since", "until"}
# Filters that an index in the list's own order answers: by sender, and by date.
IN_ORDER = {"member", "identity"} | DATES
THE_OPEN = {"triage": Triage.OPEN}
TRIAGED = [{"triage": Triage.WAITING}, {"triage": Triage.LOST}]


@dataclass(frozen=True, kw_only=True)
class Browsing(Looking):
    """A view of a list of deliveries.

    `of` reads it from the address; it returns None if the list does not exist.
    """

    folder: Folder
    listing: Listing

    @classmethod
    def of(
        cls, user: User, tab: str, query: QueryDict, known: Known | None = None
    ) -> Browsing | None:
        folder = FOLDERS.get(tab)
        listing = folder.listing(query.get("list", "")) if folder else None
        if folder is None or listing is None:
            return None
        chosen = Filter.from_query(query, user, known)
        return cls.read(user, listing, query, chosen, folder=folder)

    @property
    def path(self) -> str:
        return self.folder.url

    @property
    def which(self) -> dict[str, str]:
        return {"list": self.listing.key}

    def address_in(self, listing: Listing) -> str:
        """The address of another list with these filters, and this order if it fits."""
        order = self.order if self.order.fits(listing) else NEWEST_FIRST
        return self.address(list=listing.key, sort=order.key)

    def everything(self) -> DeliveryQuerySet:
        """All matches, on whatever page: for exports and actions on everything."""
        return self.filter.apply(
            self.listing.of(Delivery.objects.visible_to(self.user))
        )

    def latest(self, number: int) -> Page[Delivery]:
        """The newest `number` matches; without an index, among the latest rows."""
        return read_page(self.parts, Place(), number, newest_first=True)

    @cached_property
    def parts(self) -> list[Part[Delivery]]:
        """The matches, a part for each index that holds them in order.

        If an index can count the matches, the parts hold just these. Else they hold
        what the list's indexes narrow down to; the rest of the filter is `sought`.
        """
        if not self.can_be_counted:
            return self._as_sought()
        return [self._part(stream, self.filter.apply) for stream in self._streams]

    def _as_sought(self) -> list[Part[Delivery]]:
        return [
            replace(self._part(stream, self.filter.narrow), sought=self.filter.sought)
            for stream in self._streams
        ]

    @property
    def _streams(self) -> list[Stream]:
        streams = self.listing.streams
        return [each for each in streams if self.filter.may_meet(each.tracked)]

    def _part(
        self, stream: Stream, narrowed: Callable[[DeliveryQuerySet], DeliveryQuerySet]
    ) -> Part[Delivery]:
        visible = Delivery.objects.visible_to(self.user)
        return Part(
            narrowed(visible.filter(stream.condition)),
            self._span(stream),
            by=self.order.by,
            in_order=self._is_read_in_order(stream),
        ).between(self.filter.since, self.filter.before)

    def _span(self, stream: Stream) -> type[Span] | None:
        """The key of the index to read, if that is a coarse one; else None."""
        if stream.spans is None:
            by_channel = self._has_its_own_index and "channel" in self.filter.values
            return Day if by_channel else None
        of_one = {"member", "identity"} & self.filter.values.keys()
        return stream.spans.of_sender if of_one else stream.spans.seen_by(self.user)

    def _is_read_in_order(self, stream: Stream) -> bool:
        """Whether to read by the index of the list's order, whatever the filters are.

        Coarse indexes, as sent mail has them, have no rival. For filtered failures,
        another index may find the matches sooner.
        """
        return bool(self._span(stream)) or not (self.filter or stream.further)

    @property
    def _knows_its_matches(self) -> bool:
        """Whether to find the matches by the filter index, however rare they are.

        Not where the index of the list's order, or one just for this filter, leads to
        enough of them as quickly.
        """
        scattered = self.filter.values.keys() - IN_ORDER
        known = bool(scattered) and self.listing.knows_filters
        return known and not self._has_its_own_index

    @property
    def _has_its_own_index(self) -> bool:
        """Whether one index holds exactly these failures of the team, in order.

        Those by triage, by reason, by channel, or open ones by cause.
        """
        chosen = {k: v for k, v in self.filter.values.items() if k not in DATES}
        alone = chosen in TRIAGED or chosen.keys() in ({"reason"}, {"channel"})
        by_cause = self._is_of_an_open_cause and chosen.keys() == {"cause", "triage"}
        return (alone or by_cause) and self.user.is_manager and self.listing is FAILED

    @property
    def _is_of_an_open_cause(self) -> bool:
        """Whether it shows open failures of one cause, as the By cause page does.

        For a whole team, one index holds just these.
        """
        values = self.filter.values
        return "cause" in values and values.get("triage") == Triage.OPEN

    @property
    def is_narrowed(self) -> bool:
        """Whether the list shows less than its own number, which is a member's already
        where it is looked at as theirs."""
        whose = {"member"} if self.filter.member else set()
        return bool(self.filter.values.keys() - whose)

    @property
    def can_be_counted(self) -> bool:
        """Whether an index can count the matches, without reading the whole list."""
        chosen = self.filter.values.keys()
        if "care" in chosen:  # failures are found by what was decided, not by whom
            return False
        if "cause" in chosen and self.user.is_manager and not self._is_of_an_open_cause:
            return False
        return self.listing.knows_filters or not chosen & UNINDEXED

    def can_be_looked_through(self, at_most: int) -> bool:
        """Whether all matches can be read while somebody waits.

        Failures that an index finds, or a list of no more than `at_most` rows.
        """
        if self.listing.knows_filters or not self.can_be_counted:
            return self.can_be_counted
        return sum(part.rows[: at_most + 1].count() for part in self.parts) <= at_most

    def count(self, counting: Counting, *, with_ids: bool = False) -> Number:
        """Ask `counting` for the number of matches.

        `with_ids`: if each match has to be found for that, keep their ids, so that
        `page` need not find them again.
        """
        parts = [part.rows for part in self.parts]
        if self.filter.values == THE_OPEN and self.user.is_manager:
            # Be they few or most failures: the index by cause has only open ones, in
            # this order.
            return counting.number(*(each.order_by(*BY_CAUSE) for each in parts))
        if self._knows_its_matches:
            return counting.matches(*parts, with_ids=with_ids)
        return counting.number(*(part.as_indexed() for part in self.parts))

    def count_latest(self, counting: Counting) -> Number:
        """Ask how many of the latest CAP rows match, where no index counts them."""
        return counting.number(
            *(part.among_next(CAP, down=True) for part in self.parts),
            among=counting.number(*(part.as_indexed() for part in self.parts)),
        )

    def sample(self, counting: Counting) -> Number | None:
        """Ask how many of the next SAMPLE rows have the words that are searched for.

        None where that decides nothing: where more than words and dates is asked for, or
        where no index finds words and the list is read in its order anyway.
        """
        if self.filter.values.keys() - DATES != {"q"} or not self._knows_its_matches:
            return None
        cursor, down = self.place.cursor, self.order.down == self.place.forward
        return counting.number(
            *(part.among_next(SAMPLE, cursor, down=down) for part in self._as_sought())
        )

    def page_in_order(self, layout: Layout, sample: Number) -> Page[Delivery] | None:
        """Read a page in the list's order; None if the words are too rare for that."""
        if int(sample) * SOON < layout.rows * SAMPLE:
            return None
        page = self._read(self._as_sought(), layout)
        return page if page.further is None else None

    def page(self, layout: Layout, matching: Number | None = None) -> Page[Delivery]:
        """Read a page; by the ids of the matches, if `matching` has them all."""
        if matching is not None and matching.is_exact:
            if matching.ids is not None:
                return self._read([self._among(matching.ids, layout)], layout)
        elif matching is not None and self._is_searched_alone:
            page = self._read(self._as_sought(), layout)
            if page.further is None:
                return page
        return self._read(self.parts, layout)

    @property
    def _is_searched_alone(self) -> bool:
        """Whether words are searched for, and no other filter lacks a list index.

        If many rows match, reading in the list's order soon meets enough of them, while
        PostgreSQL would rather find and sort all matches.
        """
        return self.filter.values.keys() & UNINDEXED == {"q"}

    def _among(self, few: list[int], layout: Layout) -> Part[Delivery]:
        if self.place.cursor is None:
            end = few if self.order.down == self.place.forward else few[::-1]
            few = end[: layout.rows + 1]
        return Part(Delivery.objects.filter(pk__in=few))

    def _read(self, parts: list[Part[Delivery]], layout: Layout) -> Page[Delivery]:
        waits = self.listing.has_waiting
        for_list = (
            DeliveryQuerySet.for_waiting_list if waits else DeliveryQuerySet.for_list
        )
        shown = [
            replace(part, shown=partial(for_list, columns=layout.columns))
            for part in parts
        ]
        return read_page(shown, self.place, layout.rows, newest_first=self.order.down)
