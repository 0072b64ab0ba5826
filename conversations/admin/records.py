"""What several record admins share: columns of other servers’ words, and a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.text import Truncator

from deliveryportal.accounts.admin import OperatorAdmin, as_uuid

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
    """A search for what support is told: an id, a Message-ID, or words.

    Only one of these is searched for. `search_fields` would search for all at once,
    which no index can answer.
    """

    search_fields = ["uuid"]  # only so that Django shows the search box

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        text = search_term.strip().replace("\0", "")
        if not text:
            return queryset, False
        if uuid := as_uuid(text):
            found = self.with_id(uuid)
        elif _is_message_id(text):
            found = self.with_message_id(text)
        else:
            found = self.with_words(text.split())
        return queryset.filter(found), False

    def is_served(self, query: str, params: Mapping[str, Sequence[str]]) -> bool:
        return _is_message_id(query.strip()) or super().is_served(query, params)

    def with_id(self, uuid: UUID) -> Q:
        raise NotImplementedError

    def with_message_id(self, message_id: str) -> Q:
        raise NotImplementedError

    def with_words(self, words: list[str]) -> Q:
        raise NotImplementedError


def _is_message_id(text: str) -> bool:
    return text.startswith("<") and text.endswith(">")
