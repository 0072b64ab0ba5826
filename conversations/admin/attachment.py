from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from conversations.models import Attachment
from deliveryportal.accounts.admin import AutocompleteSelectFilter, RecordAdmin


@admin.register(Attachment)
class AttachmentAdmin(RecordAdmin[Attachment]):
    """What was attached, by name and size; what is in it is its owner's business."""

    fields = ["uuid", "owner", "name", "content_type", "size", "digest", "created_at"]
    list_display = ["name", "owner", "content_type", "size", "created_at"]
    list_filter = ["created_at", ("owner", AutocompleteSelectFilter)]
    served = ("owner",)
    list_select_related = ["owner"]
    search_fields = ["name", "owner__email", "=digest", "=uuid"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attachment]:
        return super().get_queryset(request).defer("content")
