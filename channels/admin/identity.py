from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from channels.models import EmailIdentity
from deliveryportal.accounts.admin import (
    AnswerFilter,
    AutocompleteSelectFilter,
    OperatorAdmin,
)


class Verified(AnswerFilter):
    title = "verified"
    parameter_name = "verified"
    answers = {
        "yes": ("verified", lambda: Q(verified_at__isnull=False)),
        "no": ("waits for its owner", lambda: Q(verified_at=None)),
    }


@admin.register(EmailIdentity)
class EmailIdentityAdmin(OperatorAdmin[EmailIdentity]):
    fields = [
        "owner",
        "address",
        "display_name",
        "signature",
        "is_default",
        "channel",
        "verified_at",
        "uuid",
        "created_at",
    ]
    readonly_fields = ["uuid", "verified_at", "created_at"]
    list_display = [
        "address",
        "display_name",
        "owner",
        "is_default",
        "verified_at",
        "channel",
    ]
    list_filter = [
        Verified,
        "is_default",
        "channel__kind",
        ("owner__team", AutocompleteSelectFilter),
    ]
    list_select_related = ["owner", "channel"]
    search_fields = ["address", "display_name", "owner__email", "owner__name"]
    autocomplete_fields = ["owner", "channel"]
    ordering = ["-pk"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: EmailIdentity | None = None
    ) -> list[str]:
        # Verified is one address of one owner; another one is another identity.
        fixed = ["owner", "address"] if obj else []
        return [*self.readonly_fields, *fixed]
