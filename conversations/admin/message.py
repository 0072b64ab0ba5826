from __future__ import annotations

from django.contrib import admin
from django.db.models import Q

from conversations.admin.records import RecordAdmin
from conversations.models import Message
from deliveryportal.accounts.admin import AnswerFilter, AutocompleteSelectFilter


class Archived(AnswerFilter):
    title = "archived"
    parameter_name = "archived"
    answers = {
        "no": ("in the lists", lambda: Q(archived_at=None)),
        "yes": ("archived", lambda: Q(archived_at__isnull=False)),
    }


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
        "message_id",
        "resend_of",
        "written_at",
        "archived_at",
    ]
    list_display = ["__str__", "sender", "team", "from_address", "written_at"]
    list_filter = [
        "written_at",
        Archived,
        ("team", AutocompleteSelectFilter),
        ("sender", AutocompleteSelectFilter),
    ]
    list_select_related = ["sender", "team"]
    search_fields = ["subject", "sender__email", "from_address", "=message_id", "=uuid"]
