from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from channels.models import EmailIdentity
from channels.verifying import TooManyLinksError, mail_link, verify
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.admin import (
    AnswerFilter,
    AutocompleteSelectFilter,
    OperatorAdmin,
    notes_itself,
)
from deliveryportal.accounts.admin.telling import left_alone


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
    actions = ["verify", "mail_link"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: EmailIdentity | None = None
    ) -> list[str]:
        # Verified is one address of one owner; another one is another identity.
        fixed = ["owner", "address"] if obj else []
        return [*self.readonly_fields, *fixed]

    @admin.action(description="Verify", permissions=["change"])
    @notes_itself
    def verify(self, request: UserRequest, chosen: QuerySet[EmailIdentity]) -> None:
        """For somebody whose mailbox the operator knows, as its mail server's keeper."""
        verified = 0
        chosen = chosen.select_related("owner")
        for identity in chosen:
            if verify(identity, by=request.user):
                verified += 1
                self.log_change(request, identity, "Verified by the operator")
        if verified:
            messages.success(request, f"Verified: {verified}.")
        left_alone(request, len(chosen) - verified, "They were verified before.")

    @admin.action(
        description="Mail the link to verify it again", permissions=["change"]
    )
    @notes_itself
    def mail_link(self, request: HttpRequest, chosen: QuerySet[EmailIdentity]) -> None:
        unverified = chosen.filter(verified_at=None).select_related("owner")
        left_alone(
            request,
            len(chosen) - len(unverified),
            "They are verified, and need no link.",
        )
        for identity in unverified:
            try:
                left = mail_link(identity)
            except TooManyLinksError as error:
                messages.warning(
                    request,
                    f"{identity.address}: enough links were mailed lately; the next "
                    f"may leave at {error.again_at:%H:%M} UTC.",
                )
                continue
            if not left:
                messages.error(
                    request, f"{identity.address}: the mail did not leave. See the log."
                )
                continue
            self.log_change(request, identity, "Link mailed again")
            messages.success(request, f"{identity.address}: the link is mailed.")
