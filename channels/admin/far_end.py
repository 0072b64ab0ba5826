from __future__ import annotations

from django.contrib import admin

from channels.models import FarEndSession
from deliveryportal.accounts.admin import ReadOnlyAdmin


@admin.register(FarEndSession)
class FarEndSessionAdmin(ReadOnlyAdmin[FarEndSession]):
    """The sessions that workers have open, or had, to each host."""

    fields = ["host", "number", "until"]
    list_display = ["host", "number", "until"]
    list_filter = ["until"]
    search_fields = ["host"]
