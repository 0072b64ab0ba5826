from __future__ import annotations

from django.contrib import admin

from channels.models import Allowance, SendingLimit
from deliveryportal.accounts.admin import (
    AutocompleteSelectFilter,
    OperatorAdmin,
    ReadOnlyAdmin,
)


@admin.register(SendingLimit)
class SendingLimitAdmin(OperatorAdmin[SendingLimit]):
    list_display = ["team", "kind", "messages", "seconds", "per_day"]
    list_filter = ["kind", ("team", AutocompleteSelectFilter)]
    list_select_related = ["team"]
    search_fields = ["team__name"]
    autocomplete_fields = ["team"]


@admin.register(Allowance)
class AllowanceAdmin(ReadOnlyAdmin[Allowance]):
    """Who waits for a limit, and until when."""

    list_display = ["sender", "channel", "held_until", "held_because"]
    list_filter = ["channel__kind", "held_until"]
    list_select_related = ["sender", "channel"]
    search_fields = ["sender__email", "sender__name"]
