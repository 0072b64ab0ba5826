from __future__ import annotations

from django.contrib import admin

from channels.models import ConnectionTest
from deliveryportal.accounts.admin import AutocompleteSelectFilter, ReadOnlyAdmin


@admin.register(ConnectionTest)
class ConnectionTestAdmin(ReadOnlyAdmin[ConnectionTest]):
    """At which step people's connections fail. Without the credentials they tried."""

    fields = [
        "uuid",
        "kind",
        "user",
        "team",
        "sender",
        "config",
        "state",
        "steps",
        "created_at",
    ]
    list_display = ["user", "team", "kind", "sender", "state", "created_at"]
    list_filter = ["state", "kind", "created_at", ("team", AutocompleteSelectFilter)]
    list_select_related = ["user", "team"]
    search_fields = ["user__email", "user__name", "sender", "=uuid"]
