from __future__ import annotations

from django.contrib import admin

from conversations.admin.records import RecordAdmin
from conversations.models import Message
from deliveryportal.accounts.admin import AutocompleteSelectFilter


@admin.register(Message)
class MessageAdmin(RecordAdmin[Message]):
    fields = [
        "uuid",
        "sender",
        "team",
        "conversation",
        "from_name",
        "from_address",
        "identity",
        "subject",
        "body",
        "body_html",
        "cc",
        "message_id",
        "resend_of",
        "written_at",
    ]
    list_display = ["__str__", "sender", "team", "from_address", "written_at"]
    list_filter = [
        "written_at",
        ("team", AutocompleteSelectFilter),
        ("sender", AutocompleteSelectFilter),
    ]
    list_select_related = ["sender", "team"]
    search_fields = ["subject", "sender__email", "from_address", "=message_id", "=uuid"]
