from __future__ import annotations

from django.contrib import admin

from channels.models import VerificationMail
from deliveryportal.accounts.admin import AutocompleteSelectFilter, ReadOnlyAdmin


@admin.register(VerificationMail)
class VerificationMailAdmin(ReadOnlyAdmin[VerificationMail]):
    """Who had links mailed where: a limit reached, or somebody pestered."""

    fields = ["owner", "address", "sent_at"]
    list_display = ["address", "owner", "sent_at"]
    list_filter = ["sent_at", ("owner__team", AutocompleteSelectFilter)]
    list_select_related = ["owner"]
    search_fields = ["address", "owner__email", "owner__name"]
