from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.timezone import now

from conversations.models import Hold
from conversations.sending.holding import lift, place
from deliveryportal.accounts.admin import (
    AnswerFilter,
    AutocompleteSelectFilter,
    OperatorAdmin,
    notes_itself,
)
from deliveryportal.accounts.admin.telling import left_alone
from deliveryportal.accounts.models import User


class InForce(AnswerFilter):
    title = "in force"
    parameter_name = "in_force"
    answers = {
        "yes": (
            "now",
            lambda: Q(lifted_at=None) & (Q(until=None) | Q(until__gt=now())),
        ),
        "no": ("over", lambda: Q(lifted_at__isnull=False) | Q(until__lte=now())),
    }


@admin.register(Hold)
class HoldAdmin(OperatorAdmin[Hold]):
    """Pause the queue or a part of it, and resume it; what was paused stays on record."""

    fields = ["scope", "team", "sender", "channel", "domain", "until", "because"]
    autocomplete_fields = ["team", "sender", "channel"]
    list_display = [
        "what",
        "kind",
        "because",
        "placed_at",
        "placed_by",
        "until",
        "lifted_at",
        "lifted_by",
    ]
    list_filter = [
        InForce,
        "scope",
        "placed_at",
        ("placed_by", AutocompleteSelectFilter),
    ]
    list_select_related = ["team", "sender", "channel", "placed_by", "lifted_by"]
    search_fields = ["domain", "because", "sender__email", "team__name"]
    actions = ["resume"]

    @admin.display(description="kind")
    def kind(self, hold: Hold) -> str:
        return hold.get_scope_display()

    def formfield_for_choice_field(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "scope":
            by_hand = [each for each in Hold.Scope if each is not Hold.Scope.SLOWED]
            # No choice is preselected: a slip would pause everything.
            kwargs["choices"] = [
                ("", "---------"),
                *((each.value, each.label.capitalize()) for each in by_hand),
            ]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def has_change_permission(
        self, request: HttpRequest, obj: Hold | None = None
    ) -> bool:
        # To change a pause, lift it and place another: so the record stays true.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(
        self, request: HttpRequest, obj: Hold | None = None
    ) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: Hold, form: Any, change: Any
    ) -> None:
        assert isinstance(request.user, User)
        place(obj, request.user)

    @admin.action(description="Resume", permissions=["change"])
    @notes_itself
    def resume(self, request: HttpRequest, holds: QuerySet[Hold]) -> None:
        assert isinstance(request.user, User)
        lifted = 0
        for hold in holds:
            if lift(hold, request.user):
                lifted += 1
                self.log_change(request, hold, "Resumed")
        if lifted:
            messages.success(request, f"Resumed: {lifted}. What waited goes out now.")
        left_alone(request, len(holds) - lifted, "They were over before.")
