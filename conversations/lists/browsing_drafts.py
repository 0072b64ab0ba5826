"""A user's view of their own drafts; nobody sees another's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from django.db.models import Q
from django.http import QueryDict

from conversations.lists.counting import Counting, Number
from conversations.lists.filtering import CRITERIA, Filter
from conversations.lists.folders import DRAFTS
from conversations.lists.looking import Looking
from conversations.lists.paging import Page, Part, read_page
from conversations.models import Draft
from conversations.models.draft import DraftQuerySet
from conversations.models.sought import with_words
from deliveryportal.accounts.models import User

SOUGHT_IN = ("to", "cc", "bcc", "people", "subject")


@dataclass(frozen=True, kw_only=True)
class DraftBrowsing(Looking):
    """Drafts, filtered by words and dates only: other filters are for deliveries."""

    @classmethod
    def of(cls, user: User, query: QueryDict) -> Self:
        narrowed = query.copy()
        for key in CRITERIA:
            narrowed.pop(key, None)
        chosen = Filter.from_query(narrowed, user)
        return cls.read(user, DRAFTS, query, chosen)

    @property
    def path(self) -> str:
        return DRAFTS.url

    def everything(self) -> DraftQuerySet:
        """All matches, on whatever page."""
        return self._of_these_dates().filter(self._sought or Q())

    def count(self, counting: Counting) -> Number | None:
        """Ask for the number of matches; None for a text search, which has no index."""
        if not self.filter:
            return counting.theirs(self.user, Draft.objects.of)
        return None if self._sought else counting.number(self._of_these_dates())

    def page(self, rows: int) -> Page[Draft]:
        part = Part(
            self._of_these_dates(),
            in_order=True,
            sought=self._sought,
            shown=DraftQuerySet.for_list,
            dated=bool(self.filter.since or self.filter.before),
        )
        return read_page([part], self.place, rows, newest_first=self.order.down)

    def _of_these_dates(self) -> DraftQuerySet:
        drafts = Draft.objects.of(self.user)
        if self.filter.problems:
            return drafts.none()
        if self.filter.since:
            drafts = drafts.filter(saved_at__gte=self.filter.since)
        if self.filter.before:
            drafts = drafts.filter(saved_at__lt=self.filter.before)
        return drafts

    @property
    def _sought(self) -> Q | None:
        words = self.filter.values.get("q", "").split()
        return with_words(words, *SOUGHT_IN) if words else None
