from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.admin.reasons import ReasonColumn, ReasonFilter
from conversations.admin.records import RemoteWords
from conversations.models import Report
from conversations.models.report import SHOWN
from conversations.views.report import download
from deliveryportal.accounts.admin import AnswerFilter, RecordAdmin
from deliveryportal.accounts.admin.telling import left_alone


class Matched(AnswerFilter):
    title = "delivery"
    parameter_name = "matched"
    answers = {
        "yes": ("found", lambda: Q(delivery__isnull=False)),
        "stray": (
            "none: it came without a valid return path",
            lambda: Q(delivery=None, return_token=""),
        ),
        "gone": (
            "none any more: it has been deleted",
            lambda: Q(delivery=None) & ~Q(return_token=""),
        ),
    }


class Source(AnswerFilter):
    """Offers all possible sources: a query for those in use would read all rows."""

    title = "source"
    parameter_name = "source"
    answers = {
        "smtp": ("SMTP", lambda: Q(source="smtp")),
        "lmtp": ("LMTP", lambda: Q(source="lmtp")),
        "pipe": ("the pipe", lambda: Q(source="pipe")),
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
        ("As it came", {"fields": ["size", "download", "raw_text"]}),
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
    list_filter = ["state", "kind", ReasonFilter, Matched, Source, "received_at"]
    # Also the list of unreadable reports.
    served = ("matched=stray", "state__exact=unread")
    list_select_related = ["delivery"]
    search_fields = ["final_recipient", "=uuid", "=digest"]
    search_help_text = "The recipient it names, its id, or the digest of what came."

    actions = ["read_again"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.as_mail)
        own = path("<int:pk>.eml", view, name="conversations_report_download")
        return [own, *super().get_urls()]

    @admin.action(description="Read again", permissions=["operate"])
    def read_again(self, request: HttpRequest, reports: QuerySet[Report]) -> None:
        """For reports that led to nothing, once the code that reads them is mended."""
        chosen = reports.count()
        again = reports.order_by().read_again()  # type: ignore[attr-defined]
        if again:
            self.message_user(request, f"{again} will be read again in a moment.")
        left_alone(request, chosen - again, "They were read, and led to a delivery.")

    def as_mail(self, request: HttpRequest, pk: int) -> HttpResponse:
        report = get_object_or_404(Report, pk=pk)
        if not self.has_view_permission(request, report):
            raise PermissionDenied
        return download(report)

    @admin.display(description="the whole mail")
    def download(self, report: Report) -> SafeString:
        url = reverse("admin:conversations_report_download", args=[report.pk])
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">'
            "Download it as .eml</a>",
            url,
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Report]:
        # The raw reports stay in the database until one is looked at.
        return super().get_queryset(request).defer("raw")

    @admin.display
    def size(self, report: Report) -> str:
        return filesizeformat(len(report.raw))

    @admin.display(description="raw report")
    def raw_text(self, report: Report) -> SafeString:
        rest = "" if len(report.raw) <= SHOWN else "\n[the rest is not shown]"
        return format_html(
            '<pre class="whitespace-pre-wrap break-all text-xs">{}{}</pre>',
            report.text,
            rest,
        )
