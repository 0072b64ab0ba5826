from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from conversations.admin.reasons import ReasonColumn, ReasonFilter
from conversations.admin.records import RemoteWords
from conversations.blocking import release
from conversations.models import Evidence, Suppression
from conversations.models.suppression import DOMAIN_MARK
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.admin import (
    AnswerFilter,
    AutocompleteSelectFilter,
    RecordAdmin,
    notes_itself,
)
from deliveryportal.accounts.admin.telling import left_alone

SHOWN = 50  # pieces of evidence on a suppression's page


class Standing(AnswerFilter):
    title = "standing"
    parameter_name = "standing"
    answers = {
        "active": ("stops mail", lambda: Q(released_at=None)),
        "released": ("released", lambda: Q(released_at__isnull=False)),
    }


class What(AnswerFilter):
    title = "what"
    parameter_name = "what"
    answers = {
        "address": ("an address", lambda: ~Q(address__startswith=DOMAIN_MARK)),
        "domain": ("a blocked domain", lambda: Q(address__startswith=DOMAIN_MARK)),
    }


@admin.register(Suppression)
class SuppressionAdmin(ReasonColumn, RemoteWords, RecordAdmin[Suppression]):
    """Suppressed addresses and blocked domains of all teams: to look at and release."""

    words_field = "evidence"
    fieldsets = [
        (None, {"fields": ["uuid", "team", "address"]}),
        (
            "Why",
            {"fields": ["why", "words", "delivery", "report", "made_by", "made_at"]},
        ),
        ("Evidence", {"fields": ["counted"]}),
        ("Release", {"fields": ["released_at", "released_by", "released_because"]}),
    ]
    list_display = ["address", "team", "why", "made_by", "made_at", "released_at"]
    list_filter = [
        Standing,
        What,
        ReasonFilter,
        "made_at",
        ("team", AutocompleteSelectFilter),
    ]
    served = ("team",)
    list_select_related = ["team", "made_by"]
    search_fields = ["address", "team__name", "=uuid"]
    actions = ["release_these"]

    @admin.display(description="deliveries that spoke against it")
    def counted(self, suppression: Suppression) -> SafeString:
        return format_html_join(
            "\n",
            "<p>{:%Y-%m-%d %H:%M} {}: {}</p>",
            (
                (each.at, each.reason, each.words)
                for each in Evidence.objects.behind(suppression)[:SHOWN]
            ),
        )

    @admin.action(description="Release", permissions=["operate"])
    @notes_itself
    def release_these(
        self, request: UserRequest, chosen: QuerySet[Suppression]
    ) -> None:
        number = sum(
            release(each, by=request.user, because="By the operator, in Django admin.")
            for each in chosen
        )
        if number:
            messages.success(request, f"Released: {number}. Mail to them leaves again.")
        left_alone(request, len(chosen) - number, "They were released before.")


@admin.register(Evidence)
class EvidenceAdmin(ReasonColumn, RemoteWords, RecordAdmin[Evidence]):
    words_field = "words"
    fieldsets = [
        (None, {"fields": ["team", "address", "why", "at"]}),
        ("Where it is from", {"fields": ["delivery", "report", "said"]}),
    ]
    list_display = ["address", "team", "why", "at", "delivery", "said_in_short"]
    list_filter = [ReasonFilter, "at", ("team", AutocompleteSelectFilter)]
    served = ("team",)
    list_select_related = ["team", "delivery"]
    search_fields = ["address", "team__name"]

    @admin.display(description="remote server’s words")
    def said(self, evidence: Evidence) -> str:
        return self.words(evidence)

    @admin.display(description="remote server’s words")
    def said_in_short(self, evidence: Evidence) -> str:
        return self.words_in_short(evidence)
