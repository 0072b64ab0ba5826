from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from conversations.admin.reasons import ReasonColumn
from conversations.admin.records import RemoteWords
from conversations.models import Alert
from deliveryportal.accounts.admin import (
    AnswerFilter,
    AutocompleteSelectFilter,
    RecordAdmin,
    notes_itself,
)


class Open(AnswerFilter):
    title = "standing"
    parameter_name = "standing"
    answers = {
        "open": ("open", lambda: Q(closed_at=None)),
        "closed": ("closed", lambda: Q(closed_at__isnull=False)),
    }


@admin.register(Alert)
class AlertAdmin(ReasonColumn, RemoteWords, RecordAdmin[Alert]):
    """Who refuses our mail for a reason that lies with us."""

    words_field = "last_words"
    fields = [
        "why",
        "remote",
        "team",
        "number",
        "since",
        "latest",
        "words",
        "closed_at",
        "closed_by",
    ]
    list_display = [
        "latest",
        "why",
        "remote",
        "team",
        "number",
        "since",
        "words_in_short",
        "closed_at",
        "closed_by",
    ]
    list_filter = [Open, "since", ("team", AutocompleteSelectFilter)]
    served = ("team",)
    list_select_related = ["team", "closed_by"]
    search_fields = ["remote", "last_words", "team__name"]
    actions = ["close"]

    @admin.action(description="Close: seen to", permissions=["operate"])
    @notes_itself
    def close(self, request: HttpRequest, alerts: QuerySet[Alert]) -> None:
        assert request.user.is_authenticated
        closed = sum(alert.close(by=request.user) for alert in alerts)
        self.message_user(request, f"{closed} closed.")
