from __future__ import annotations

from allauth.account.models import EmailAddress
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from deliveryportal.accounts.admin._base import OperatorAdmin, notes_itself
from deliveryportal.accounts.admin.telling import left_alone

admin.site.unregister(EmailAddress)


@admin.register(EmailAddress)
class EmailAddressAdmin(OperatorAdmin[EmailAddress]):
    """The addresses people sign in by, and whether they were verified."""

    list_display = ["email", "user", "primary", "verified"]
    list_filter = ["verified", "primary"]
    list_select_related = ["user"]
    search_fields = ["email", "user__name"]
    autocomplete_fields = ["user"]
    actions = ["mail_link"]

    @admin.action(
        description="Mail the link to verify it again", permissions=["change"]
    )
    @notes_itself
    def mail_link(self, request: HttpRequest, chosen: QuerySet[EmailAddress]) -> None:
        unverified = chosen.filter(verified=False).select_related("user")
        left_alone(
            request,
            len(chosen) - len(unverified),
            "They are verified, and need no link.",
        )
        for address in unverified:
            try:
                address.send_confirmation(request)
            except OSError:
                messages.error(request, f"{address.email}: the mail did not leave.")
                continue
            self.log_change(request, address, "Link mailed again")
            messages.success(request, f"{address.email}: the link is mailed.")
