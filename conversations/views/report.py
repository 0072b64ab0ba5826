from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from conversations.models import Delivery, Report
from deliveryportal.accounts.access import UserRequest


@require_safe
def raw_report(request: UserRequest, uuid: UUID) -> HttpResponse:
    """Download a report. Hostile: never shown as a page."""
    report = get_object_or_404(
        Report.objects.filter(delivery__in=Delivery.objects.visible_to(request.user)),
        uuid=uuid,
    )
    return download(report)


def download(report: Report) -> HttpResponse:
    return HttpResponse(
        report.as_mail,
        content_type="application/octet-stream",
        headers={
            "Content-Disposition": f'attachment; filename="report-{report.uuid}.eml"',
            "X-Content-Type-Options": "nosniff",
        },
    )
