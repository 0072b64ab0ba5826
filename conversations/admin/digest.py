from __future__ import annotations

from django.contrib import admin

from conversations.models import Digest
from deliveryportal.accounts.admin import RecordAdmin


@admin.register(Digest)
class DigestAdmin(RecordAdmin[Digest]):
    """Which managers were mailed a digest on which morning, or why not."""

    fields = ["manager", "day", "state", "not_before", "made_at"]
    list_display = ["day", "manager", "state"]
    list_filter = ["state", "day"]
    list_select_related = ["manager"]
    search_fields = ["manager__email"]
