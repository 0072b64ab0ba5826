from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.db.models import Q

from conversations.admin.records import ToldAdmin
from conversations.models import Message
from deliveryportal.accounts.admin import AutocompleteSelectFilter, RecordAdmin


@admin.register(Message)
class MessageAdmin(ToldAdmin[Message], RecordAdmin[Message]):
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
    served = ("team", "sender")
    list_select_related = ["sender", "team"]
    search_help_text = "Words of the subject, a Message-ID, or the id of a message."

    def with_id(self, uuid: UUID) -> Q:
        return Q(uuid=uuid)

    def with_message_id(self, message_id: str) -> Q:
        return Q(message_id=message_id)

    def with_words(self, words: list[str]) -> Q:
        return Q(*(("subject__icontains", word) for word in words))
