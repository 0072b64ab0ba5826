"""Pages of a list of any length: each begins where the one before ended.

A page's number in the address is a key: rows older than it, or newer where it is
negative. Nothing is counted, and no row is read only to be passed over.
"""

from __future__ import annotations

from django.db.models import Model
from django.http import HttpRequest
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList

FIRST = 1  # what Django says for no page at all


class KeysetPaginator(InfinitePaginator):
    template_name = "admin/keyset_pages.html"


class KeysetChangeList(ChangeList):
    """By primary key, the newest first."""

    older: int | None = None
    newer: int | None = None

    def get_results(self, request: HttpRequest) -> None:
        self.paginator = KeysetPaginator(self.queryset, self.list_per_page)
        # Nobody has counted them: the page is told nothing that it could show.
        self.result_count = self.full_result_count = self.paginator.count
        self.show_full_result_count = self.can_show_all = False
        self.show_admin_actions = self.multi_page = True
        self.result_list = self._page()

    def _page(self) -> list[Model]:
        key, size = self.page_num, self.list_per_page
        if key < 0:
            rows = list(self.queryset.filter(pk__gt=-key).order_by("pk")[: size + 1])
            shown = rows[:size][::-1]
            before, after = len(rows) > size, bool(shown)
        else:
            older = self.queryset.filter(pk__lt=key) if key > FIRST else self.queryset
            rows = list(older.order_by("-pk")[: size + 1])
            shown = rows[:size]
            before, after = key > FIRST and bool(shown), len(rows) > size
        if before:
            self.newer = -shown[0].pk
        if after:
            self.older = shown[-1].pk
        return shown


class WholeChangeList(KeysetChangeList):
    """All of it, in its own order: for tables of a handful of rows with names as keys."""

    def _page(self) -> list[Model]:
        return list(self.queryset)
