from __future__ import annotations

from django.contrib import admin

from conversations.models import Conversation
from deliveryportal.accounts.admin import AutocompleteSelectFilter, RecordAdmin


@admin.register(Conversation)
class ConversationAdmin(RecordAdmin[Conversation]):
    fields = ["uuid", "owner", "person_name", "person_address", "created_at"]
    list_display = ["person_address", "person_name", "owner", "created_at"]
    list_filter = [
        "created_at",
        ("owner", AutocompleteSelectFilter),
        ("owner__team", AutocompleteSelectFilter),
    ]
    served = ("owner",)
    list_select_related = ["owner"]
    # Owners are a filter, not searched here: that would search all owners each time.
    search_fields = ["person_address", "person_name", "=uuid"]
