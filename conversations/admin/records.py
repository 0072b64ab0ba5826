"""Rows the machine writes: to be read, never added, changed or deleted by hand."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.text import Truncator

from conversations.admin.keyset import KeysetChangeList, KeysetPaginator
from deliveryportal.accounts.admin import ReadOnlyAdmin

M = TypeVar("M", bound=Model)


class RemoteWords:
    """Columns for what another server said: hostile text."""

    words_field = "remote_words"

    @admin.display(description="remote server’s words")
    def words(self, row: Model) -> str:
        return str(getattr(row, self.words_field))

    @admin.display(description="remote server’s words")
    def words_in_short(self, row: Model) -> str:
        return Truncator(self.words(row)).chars(80)


class MachineAdmin(ReadOnlyAdmin[M]):
    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class RecordAdmin(MachineAdmin[M]):
    """Of millions: never counted, paged by key, in the one order that has an index."""

    paginator = KeysetPaginator
    ordering = ["-pk"]
    sortable_by = ()
    show_facets = admin.ShowFacets.NEVER
    list_disable_select_all = True  # all that match may be millions

    def get_changelist(
        self, request: HttpRequest, **kwargs: Any
    ) -> type[KeysetChangeList]:
        return KeysetChangeList
