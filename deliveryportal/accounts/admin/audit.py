from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from deliveryportal.accounts.admin._base import (
    AutocompleteSelectFilter,
    ReadOnlyAdmin,
)
from deliveryportal.accounts.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin[AuditEntry]):
    """The audit log of all teams: to be read, by nobody to be changed."""

    list_display = ["at", "actor_name", "area", "action", "subject", "team"]
    list_filter = [
        "area",
        ("team", AutocompleteSelectFilter),
        ("actor", AutocompleteSelectFilter),
    ]
    list_select_related = ["team"]
    search_fields = ["action", "subject", "actor_name"]
    ordering = ["-pk"]

    def has_delete_permission(
        self, request: HttpRequest, obj: AuditEntry | None = None
    ) -> bool:
        return False
