from __future__ import annotations

from django.contrib import admin

from conversations.admin.records import MachineAdmin, RecordAdmin
from conversations.models import Tally, TallyMark, Total


@admin.register(Tally)
class TallyAdmin(RecordAdmin[Tally]):
    """What became of one sender's mail on one channel in an hour."""

    fields = ["hour", "team", "sender", "channel", "kind", "number"]
    list_display = ["hour", "team", "sender", "channel", "kind", "number"]
    list_filter = ["kind", "hour"]
    list_select_related = ["team", "sender", "channel"]
    search_fields = ["sender__email"]


@admin.register(Total)
class TotalAdmin(RecordAdmin[Total]):
    """What /metrics counts."""

    fields = ["name", "label", "number"]
    list_display = ["name", "label", "number"]
    search_fields = ["name", "label"]


@admin.register(TallyMark)
class TallyMarkAdmin(MachineAdmin[TallyMark]):
    """How far each table has been counted."""

    fields = ["table", "counted_to", "seen_to", "seen_at"]
    list_display = ["table", "counted_to", "seen_to", "seen_at"]
    search_fields = ["table"]
