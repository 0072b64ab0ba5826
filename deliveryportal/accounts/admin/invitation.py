from __future__ import annotations

from django.contrib import admin
from django.db.models import Q
from django.utils.timezone import now

from deliveryportal.accounts.admin._base import (
    AnswerFilter,
    AutocompleteSelectFilter,
    ReadOnlyAdmin,
)
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
    date_hierarchy = "created_at"
    ordering = ["-pk"]
