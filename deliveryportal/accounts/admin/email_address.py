from __future__ import annotations

from allauth.account.models import EmailAddress
from django.contrib import admin

from deliveryportal.accounts.admin._base import OperatorAdmin

admin.site.unregister(EmailAddress)


@admin.register(EmailAddress)
class EmailAddressAdmin(OperatorAdmin[EmailAddress]):
    """The addresses people sign in by, and whether they were verified."""

    list_display = ["email", "user", "primary", "verified"]
    list_filter = ["verified", "primary"]
    list_select_related = ["user"]
    search_fields = ["email", "user__name"]
    autocomplete_fields = ["user"]
    ordering = ["-pk"]
