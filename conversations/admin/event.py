from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from conversations.admin.records import RemoteWords, ToldAdmin
from conversations.models import Delivery, DeliveryEvent
from deliveryportal.accounts.admin import RecordAdmin, ThemedInline


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
class DeliveryEventAdmin(
    RemoteWords, ToldAdmin[DeliveryEvent], RecordAdmin[DeliveryEvent]
):
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
    # An event has no indexed words; those of its delivery would be read for each event.
    search_help_text = (
        "The id of a delivery or a Message-ID. For words look among the deliveries: the "
        "page of each has its timeline."
    )

    def is_served(self, query: str, params: Mapping[str, Sequence[str]]) -> bool:
        return bool(query) or super().is_served(query, params)

    def with_id(self, uuid: UUID) -> Q:
        return Q(delivery__uuid=uuid)

    def with_message_id(self, message_id: str) -> Q:
        return Q(delivery__message__message_id=message_id)

    def with_words(self, words: list[str]) -> Q:
        return Q(pk__in=[])
