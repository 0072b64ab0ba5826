from __future__ import annotations

from django.contrib import admin

from deliveryportal.accounts.admin._base import AutocompleteSelectFilter
from deliveryportal.accounts.admin.records import RecordAdmin
from deliveryportal.accounts.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(RecordAdmin[AuditEntry]):
    """The audit log of all teams: to be read, by nobody to be changed."""

    list_display = ["at", "actor_name", "area", "action", "subject", "team"]
    list_filter = [
        "area",
        ("team", AutocompleteSelectFilter),
        ("actor", AutocompleteSelectFilter),
    ]
    served = ("team", "actor")
    list_select_related = ["team"]
    search_fields = ["action", "subject", "actor_name"]
