"""Pages of a list of any length: each begins where the one before ended.

A page's number in the address is a key: rows older than it, or newer where it is
negative. Nothing is counted, and no row is read only to be passed over.

A list that is narrowed to something rare would read the whole table to fill its page.
So it looks through LOOKED_THROUGH ids. If that does not fill it, an index that serves
the filter finds the rest; where there is none, the page says how far it came, and the
next one goes on from there.
"""

from __future__ import annotations

from django.db.models import F, Model, QuerySet
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

FIRST = 1  # what Django says where the address names no page
LOOKED_THROUGH = 50_000  # ids, for one page of a list that is narrowed


class KeysetPaginator(InfinitePaginator):
    template_name = "admin/keyset_pages.html"


class KeysetChangeList(ChangeList):
    """By primary key, the newest first."""

    older: int | None = None
    newer: int | None = None
    looked_through: int | None = None  # set where the page ends before it is full

    def get_results(self, request: HttpRequest) -> None:
        self.paginator = KeysetPaginator(self.queryset, self.list_per_page)
        # The rows are not counted, so the page must have no number to show.
        self.result_count = self.full_result_count = self.paginator.count
        self.show_full_result_count = self.can_show_all = False
        self.show_admin_actions = self.multi_page = True
        self.result_list = self._page()

    def _page(self) -> list[Model]:
        key = self.page_num
        if key < 0:
            rows, self.newer = self._newer_than(-key)
            shown = rows[::-1]
            self.older = shown[-1].pk if shown else 1 - key
        else:
            shown, self.older = self._older_than(key if key > FIRST else None)
            if key > FIRST:
                self.newer = -(shown[0].pk if shown else key - 1)
        return shown

    def _older_than(self, key: int | None) -> tuple[list[Model], int | None]:
        """The rows of a page, and the key of the next; None if there is none."""
        rows = self.queryset if key is None else self.queryset.filter(pk__lt=key)
        oldest, newest = self._ends()
        bound = min(key or newest + 1, newest + 1) - LOOKED_THROUGH
        if bound <= oldest:
            return self._first_of(rows.order_by("-pk"))
        found, more = self._first_of(rows.filter(pk__gte=bound).order_by("-pk"))
        return self._or_served(found, more, rows.order_by(-(F("pk") + 0)), bound)

    def _newer_than(self, key: int) -> tuple[list[Model], int | None]:
        rows = self.queryset.filter(pk__gt=key)
        _, newest = self._ends()
        bound = key + LOOKED_THROUGH
        if bound >= newest:
            found, more = self._first_of(rows.order_by("pk"))
        else:
            found, more = self._first_of(rows.filter(pk__lte=bound).order_by("pk"))
            found, more = self._or_served(
                found, more, rows.order_by(F("pk") + 0), bound
            )
        return found, None if more is None else -more

    def _first_of(self, rows: QuerySet[Model]) -> tuple[list[Model], int | None]:
        size = self.list_per_page
        found = list(rows[: size + 1])
        return found[:size], found[size - 1].pk if len(found) > size else None

    def _or_served(
        self,
        found: list[Model],
        more: int | None,
        rows: QuerySet[Model],
        bound: int,
    ) -> tuple[list[Model], int | None]:
        """Return what was found if it fills the page; else what an index finds in
        `rows`, or how far it came.

        `rows` are in an order that no index has, lest PostgreSQL reads the key's to its
        end instead of using the filter's.
        """
        if more is not None:
            return found, more
        if self.model_admin.is_served(self.query, self.get_filters_params()):
            return self._first_of(rows)
        self.looked_through = LOOKED_THROUGH
        return found, bound

    def _ends(self) -> tuple[int, int]:
        """Return the oldest and the newest key of all; zeros if nothing is filtered."""
        if not (self.query or self.get_filters_params()):
            return 0, 0
        keys = self.model._default_manager.values_list("pk", flat=True)
        return keys.order_by("pk").first() or 0, keys.order_by("-pk").first() or 0


class WholeChangeList(KeysetChangeList):
    """All of it, in its own order: for tables of a handful of rows with names as keys."""

    def _page(self) -> list[Model]:
        return list(self.queryset)
