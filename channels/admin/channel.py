from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from channels.models import Channel
from deliveryportal.accounts.admin import (
    AnswerFilter,
    AutocompleteSelectFilter,
    ReadOnlyAdmin,
)


class Whose(AnswerFilter):
    title = "whose"
    parameter_name = "whose"
    answers = {
        "person": ("a person's", lambda: Q(owner__isnull=False)),
        "team": ("a team's", lambda: Q(team__isnull=False)),
        "installation": ("the installation's", lambda: Q(owner=None, team=None)),
    }


class Connected(AnswerFilter):
    title = "connected"
    parameter_name = "connected"
    answers = {
        "yes": ("connected", lambda: Q(disconnected_at=None)),
        "no": ("disconnected", lambda: Q(disconnected_at__isnull=False)),
    }


@admin.register(Channel)
class ChannelAdmin(ReadOnlyAdmin[Channel]):
    """To look at: people connect their channels themselves, in Settings.

    The credentials are not among the fields and never will be.
    """

    fields = readonly_fields = (
        "uuid",
        "kind",
        "owner",
        "team",
        "address",
        "config",
        "health",
        "paused_because",
        "paused_at",
        "created_at",
        "connected_at",
        "disconnected_at",
    )
    list_display = ["label", "owner", "team", "health", "paused_at", "created_at"]
    list_filter = [
        "kind",
        "health",
        Whose,
        Connected,
        "paused_at",
        ("team", AutocompleteSelectFilter),
    ]
    list_select_related = ["owner", "team"]
    search_fields = ["address", "owner__email", "owner__name", "team__name", "=uuid"]

    def has_delete_permission(
        self, request: HttpRequest, obj: Channel | None = None
    ) -> bool:
        """Disconnected it stays, with its name on the mail that went by it."""
        return False

    @admin.display(description="delivery channel")
    def label(self, channel: Channel) -> str:
        return channel.get_kind_display()
