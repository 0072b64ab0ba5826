from __future__ import annotations

from django.contrib import admin

from conversations.models import BulkItem, BulkJob
from deliveryportal.accounts.admin import AutocompleteSelectFilter, RecordAdmin


@admin.register(BulkJob)
class BulkJobAdmin(RecordAdmin[BulkJob]):
    """Actions of people on many deliveries, and how far they are."""

    fieldsets = [
        (None, {"fields": ["uuid", "action", "by", "team", "query", "options"]}),
        (
            "Standing",
            {
                "fields": [
                    "total",
                    "done",
                    "skipped",
                    "stop_asked",
                    "created_at",
                    "touched_at",
                    "finished_at",
                ]
            },
        ),
    ]
    list_display = [
        "created_at",
        "action",
        "by",
        "team",
        "total",
        "done",
        "skipped",
        "finished_at",
    ]
    list_filter = ["created_at", ("team", AutocompleteSelectFilter)]
    served = ("team",)
    list_select_related = ["by", "team"]
    search_fields = ["action", "by__email", "=uuid"]


@admin.register(BulkItem)
class BulkItemAdmin(RecordAdmin[BulkItem]):
    fields = ["job", "delivery", "recipient", "outcome", "why"]
    list_display = ["job", "recipient", "outcome", "why"]
    list_filter = ["outcome"]
    list_select_related = ["job"]
    search_fields = ["recipient", "why", "=job__uuid"]
