"""Rows the machine writes: to be read, never added, changed or deleted by hand."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator

from conversations.admin.keyset import KeysetChangeList, KeysetPaginator
from deliveryportal.accounts.admin import OperatorAdmin, ReadOnlyAdmin

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


class ToldAdmin(OperatorAdmin[M]):
    """Searched for what support is told: an id, a Message-ID, or words.

    Each is asked by itself. For all of them at once, which `search_fields` would be, no
    index has an answer.
    """

    search_fields = ["uuid"]  # so that there is a search

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        text = search_term.strip().replace("\0", "")
        if uuid := _uuid(text):
            found = self.with_id(uuid)
        elif text.startswith("<") and text.endswith(">"):
            found = self.with_message_id(text)
        else:
            found = self.with_words(text.split())
        return queryset.filter(found), False

    def with_id(self, uuid: UUID) -> Q:
        raise NotImplementedError

    def with_message_id(self, message_id: str) -> Q:
        raise NotImplementedError

    def with_words(self, words: list[str]) -> Q:
        raise NotImplementedError


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


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
