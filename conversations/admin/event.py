from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from conversations.admin.records import RecordAdmin, RemoteWords
from conversations.models import Delivery, DeliveryEvent
from deliveryportal.accounts.admin import ThemedInline


class TimelineInline(RemoteWords, ThemedInline[DeliveryEvent, Delivery]):
    """What happened to a delivery, on its page."""

    model = DeliveryEvent
    verbose_name_plural = "timeline"
    fields = readonly_fields = (
        "at",
        "kind",
        "attempt",
        "note",
        "remote",
        "code",
        "words",
        "report",
    )
    ordering = ["at", "pk"]
    extra = 0
    show_change_link = True

    def has_add_permission(
        self, request: HttpRequest, obj: Delivery | None = None
    ) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Delivery | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Delivery | None = None
    ) -> bool:
        return False


@admin.register(DeliveryEvent)
class DeliveryEventAdmin(RemoteWords, RecordAdmin[DeliveryEvent]):
    fields = [
        "delivery",
        "kind",
        "at",
        "attempt",
        "note",
        "remote",
        "code",
        "enhanced_code",
        "words",
        "report",
    ]
    list_display = [
        "at",
        "kind",
        "delivery",
        "attempt",
        "note",
        "code",
        "words_in_short",
    ]
    list_filter = ["kind", "at"]
    list_select_related = ["delivery"]
    search_fields = ["delivery__recipient", "remote", "=delivery__uuid"]
