from __future__ import annotations

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.admin.reasons import ReasonColumn, ReasonFilter
from conversations.admin.records import RecordAdmin, RemoteWords, without_return_tokens
from conversations.models import Report
from deliveryportal.accounts.admin import AnswerFilter

SHOWN_BYTES = 64 * 1024


class Matched(AnswerFilter):
    title = "delivery"
    parameter_name = "matched"
    answers = {
        "yes": ("found", lambda: Q(delivery__isnull=False)),
        "no": ("none", lambda: Q(delivery=None)),
    }


@admin.register(Report)
class ReportAdmin(ReasonColumn, RemoteWords, RecordAdmin[Report]):
    """The return path it came to is masked, also inside the raw report."""

    words_field = "diagnostic"

    fieldsets = [
        (None, {"fields": ["uuid", "received_at", "source", "state", "delivery"]}),
        (
            "What was read out of it",
            {
                "fields": [
                    "kind",
                    "why",
                    "final_recipient",
                    "enhanced_code",
                    "words",
                    "reporting_mta",
                    "remote_mta",
                    "evidence",
                ]
            },
        ),
        ("As it came", {"fields": ["size", "raw_text"]}),
    ]
    list_display = [
        "received_at",
        "state",
        "kind",
        "why",
        "final_recipient",
        "delivery",
        "reporting_mta",
        "source",
    ]
    list_filter = ["state", "kind", ReasonFilter, Matched, "source", "received_at"]
    list_select_related = ["delivery"]
    search_fields = ["final_recipient", "delivery__recipient", "=uuid", "=digest"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        # The raw reports stay in the database until one is looked at.
        return super().get_queryset(request).defer("raw")

    @admin.display
    def size(self, report: Report) -> str:
        return filesizeformat(len(report.raw))

    @admin.display(description="raw report")
    def raw_text(self, report: Report) -> SafeString:
        shown = bytes(report.raw[:SHOWN_BYTES]).decode(errors="replace")
        rest = "" if len(report.raw) <= SHOWN_BYTES else "\n[the rest is not shown]"
        return format_html(
            '<pre class="whitespace-pre-wrap break-all text-xs">{}{}</pre>',
            without_return_tokens(shown),
            rest,
        )
