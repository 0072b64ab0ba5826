"""`/healthz`: can this installation do its job? For load balancers and monitors."""

from __future__ import annotations

import logging
from datetime import timedelta

import dramatiq
from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpRequest, JsonResponse
from django.utils.timezone import now
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conversations.models import Heartbeat, Report
from conversations.sweeping import ROLE
from conversations.watching.figures import OVERDUE, oldest_due
from deliveryportal.broker import ping

logger = logging.getLogger(__name__)

# Without a sweep nothing forgotten is found again.
SWEEP_OVERDUE = timedelta(minutes=2)
MANY = 1_000


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 with the figures, or 503 if mail would not flow."""
    report: dict[str, object] = {"database": "ok", "queue": _queue()}
    try:
        oldest, swept, reports = oldest_due(now()), last_sweep(), _reports()
    except Error as error:
        logger.error("The database cannot be used: %r", str(error))
        report |= {"ok": False, "database": "unavailable"}
        return JsonResponse(report, status=503)
    report |= {
        "oldest_due_seconds": _seconds(oldest),
        "last_sweep_seconds": _seconds(swept),
        **reports,
    }
    report["ok"] = (
        report["queue"] == "ok"
        and swept is not None
        and swept < SWEEP_OVERDUE
        and (oldest is None or oldest < OVERDUE)
    )
    return JsonResponse(report, status=200 if report["ok"] else 503)


def _queue() -> str:
    try:
        ping(dramatiq.get_broker())
    except Exception as error:
        logger.error("The queue cannot be reached: %r", str(error))
        return "unavailable"
    return "ok"


def last_sweep() -> timedelta | None:
    beat = Heartbeat.objects.filter(role=ROLE).first()
    return now() - beat.at if beat else None


def _reports() -> dict[str, int]:
    """Count what an admin has to look at, up to MANY."""
    return {
        "reports_without_delivery": Report.objects.strays()[:MANY].count(),
        "unreadable_reports": Report.objects.unreadable()[:MANY].count(),
    }


def _seconds(age: timedelta | None) -> float | None:
    return None if age is None else round(age.total_seconds(), 1)
