from __future__ import annotations

from django.contrib import admin

from conversations.models import Lane
from deliveryportal.accounts.admin import RecordAdmin


@admin.register(Lane)
class LaneAdmin(RecordAdmin[Lane]):
    """What the queue has been told, and which lanes wait for a session of a host."""

    fields = [
        "channel",
        "sender",
        "announced",
        "not_again_before",
        "waits_for",
        "waits_since",
    ]
    list_display = ["__str__", "announced", "not_again_before", "waits_for"]
    list_filter = ["waits_since"]
    list_select_related = ["channel", "sender"]
    search_fields = ["sender__email", "waits_for"]
