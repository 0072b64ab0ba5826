from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from conversations.models import (
    CauseChange,
    CauseTally,
    DeliveryEvent,
    Tally,
    TallyMark,
    Total,
)
from deliveryportal.accounts.admin import (
    AutocompleteSelectFilter,
    RecordAdmin,
    WholeChangeList,
)


class KindFilter(admin.SimpleListFilter):
    """Offers all possible kinds: a query for those in use would read all rows."""

    title = "kind"
    parameter_name = "kind"

    def lookups(
        self, request: HttpRequest, model_admin: object
    ) -> list[tuple[str, str]]:
        return [(key, str(label)) for key, label in DeliveryEvent.Kind.choices]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Tally]
    ) -> QuerySet[Tally]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Tally)
class TallyAdmin(RecordAdmin[Tally]):
    """What became of one sender's mail on one channel in an hour."""

    fields = ["hour", "team", "sender", "channel", "kind", "number"]
    list_display = ["hour", "team", "sender", "channel", "kind", "number"]
    list_filter = [KindFilter, "hour"]
    list_select_related = ["team", "sender", "channel"]
    search_fields = ["sender__email"]


@admin.register(Total)
class TotalAdmin(RecordAdmin[Total]):
    """What /metrics counts."""

    fields = ["name", "label", "number"]
    list_display = ["name", "label", "number"]
    search_fields = ["name", "label"]


@admin.register(TallyMark)
class TallyMarkAdmin(RecordAdmin[TallyMark]):
    """How far each table has been counted."""

    fields = ["table", "counted_to", "seen_to", "seen_at"]
    list_display = ["table", "counted_to", "seen_to", "seen_at"]
    search_fields = ["table"]
    ordering = ["table"]
    change_list = WholeChangeList


@admin.register(CauseTally)
class CauseTallyAdmin(RecordAdmin[CauseTally]):
    """How many open failures a team has of each cause."""

    fields = ["team", "cause", "number"]
    list_display = ["team", "cause", "number"]
    list_filter = [("team", AutocompleteSelectFilter)]
    list_select_related = ["team"]
    search_fields = ["cause"]


@admin.register(CauseChange)
class CauseChangeAdmin(RecordAdmin[CauseChange]):
    """Changes not yet added to the cause tallies: if old, is the sweeper running?"""

    fields = ["team", "cause", "number"]
    list_display = ["team", "cause", "number"]
    list_select_related = ["team"]
    search_fields = ["cause"]
