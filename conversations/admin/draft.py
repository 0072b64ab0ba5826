from __future__ import annotations

from django.contrib import admin
from django.db.models import Q

from conversations.models import Draft
from deliveryportal.accounts.admin import (
    AnswerFilter,
    AutocompleteSelectFilter,
    RecordAdmin,
)


class Sent(AnswerFilter):
    title = "sent"
    parameter_name = "sent"
    answers = {
        "no": ("being written", lambda: Q(forget_at=None)),
        "yes": ("sent, kept for Undo", lambda: Q(forget_at__isnull=False)),
    }


@admin.register(Draft)
class DraftAdmin(RecordAdmin[Draft]):
    """That there is a draft, and whose; what stands in it is nobody else's business."""

    fields = ["uuid", "owner", "version", "created_at", "saved_at", "forget_at"]
    list_display = ["uuid", "owner", "saved_at", "forget_at"]
    list_filter = ["saved_at", Sent, ("owner", AutocompleteSelectFilter)]
    list_select_related = ["owner"]
    search_fields = ["owner__email", "=uuid"]
