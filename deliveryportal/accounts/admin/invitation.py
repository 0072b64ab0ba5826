from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import F, Q, QuerySet
from django.utils.timezone import now

from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.admin._base import (
    AnswerFilter,
    AutocompleteSelectFilter,
    ReadOnlyAdmin,
    notes_itself,
)
from deliveryportal.accounts.admin.telling import left_alone
from deliveryportal.accounts.inviting import invite_by_mail
from deliveryportal.accounts.models import Invitation


class Standing(AnswerFilter):
    title = "standing"
    parameter_name = "standing"
    answers = {
        "open": ("open", lambda: Q(accepted_at=None, expires_at__gt=now())),
        "expired": ("expired", lambda: Q(accepted_at=None, expires_at__lte=now())),
        "accepted": ("accepted", lambda: Q(accepted_at__isnull=False)),
    }


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin[Invitation]):
    """To look at and to withdraw. The link itself is known to the invited only."""

    fields = readonly_fields = (
        "team",
        "email",
        "invited_by",
        "created_at",
        "expires_at",
        "accepted_at",
    )
    list_display = ["email", "team", "invited_by", "expires_at", "accepted_at"]
    list_filter = [Standing, ("team", AutocompleteSelectFilter)]
    list_select_related = ["team", "invited_by"]
    search_fields = ["email", "team__name", "invited_by__email"]
    actions = ["mail_again"]

    @admin.action(description="Mail it again", permissions=["operate"])
    @notes_itself
    def mail_again(self, request: UserRequest, chosen: QuerySet[Invitation]) -> None:
        """With a fresh link: nobody knows the old one, and it works no more."""
        waiting = chosen.filter(
            accepted_at=None, invited_by__is_active=True, invited_by__team=F("team")
        )
        left_alone(
            request,
            len(chosen) - len(waiting),
            "They were accepted, or who invited is no manager of that team any more.",
        )
        for invitation in waiting.select_related("invited_by__team"):
            sent = invite_by_mail(
                manager=invitation.invited_by, email=invitation.email, by=request.user
            )
            if not sent.mailed:
                messages.error(request, f"{sent.email}: the mail did not leave.")
                continue
            self.log_change(request, invitation, "Mailed again")
            messages.success(request, f"{sent.email}: mailed, with a fresh link.")
