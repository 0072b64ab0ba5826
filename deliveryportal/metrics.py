"""`/metrics` for Prometheus: figures of the whole installation, from the database.

Any web process answers for all workers, so scrape one address, not each process.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from channels.transports import all_transports
from conversations.watching.figures import Figures, figures
from conversations.watching.tallying import BUCKETS, COUNTED

PREFIX = "deliveryportal"


@login_not_required
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer 404 unless METRICS_TOKEN is set, and 401 to whoever does not present it."""
    if not settings.METRICS_TOKEN:
        raise Http404("Metrics are off: METRICS_TOKEN is not set.")
    shown = request.headers.get("Authorization", "")
    if not constant_time_compare(shown, f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(
            "Present METRICS_TOKEN as a bearer token.\n",
            status=401,
            content_type="text/plain",
            headers={"WWW-Authenticate": "Bearer"},
        )
    registry = CollectorRegistry(auto_describe=False)
    registry.register(FigureCollector(figures()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class FigureCollector(Collector):
    def __init__(self, now: Figures) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        yield self._queued()
        yield from self._gauges()
        yield self._outcomes()
        yield self._throttle_waits()
        yield self._lease_expiries()
        yield self._reports()
        yield self._latency()

    def _queued(self) -> Metric:
        family = GaugeMetricFamily(
            f"{PREFIX}_queued",
            "Deliveries that wait, by how long they have been due.",
            labels=["channel", "age"],
        )
        for (channel, age), number in sorted(self._now.queued.items()):
            family.add_metric([channel, age], number)
        return family

    def _gauges(self) -> Iterator[Metric]:
        oldest = self._now.oldest_due
        for name, words, value in (
            ("in_hand", "Deliveries a worker holds.", self._now.in_hand),
            (
                "oldest_due_seconds",
                "Age of the oldest delivery that could go at once.",
                oldest.total_seconds() if oldest else 0,
            ),
            (
                "leases_expired",
                "Deliveries whose worker is gone and that no sweep has found yet.",
                self._now.leases_expired,
            ),
            (
                "throttled_lanes",
                "Senders' lanes that rest for a limit.",
                self._now.resting,
            ),
            (
                "waiting_lanes",
                "Senders' lanes that wait for a session of their mail server.",
                self._now.waiting,
            ),
            (
                "slowed_domains",
                "Recipient domains that rest because they asked us to slow down.",
                self._now.slowed,
            ),
            (
                "put_off",
                "Deliveries put off because our own mail server took none.",
                self._now.put_off,
            ),
            (
                "pauses",
                "Pauses that an admin has placed and nobody has lifted.",
                sum(self._now.pauses.values()),
            ),
            (
                "clock_skew_seconds",
                "By how much a machine's clock is ahead of the database's, or behind.",
                self._now.clock_ahead.total_seconds(),
            ),
            (
                "reports_unread",
                "Bounce reports not read yet.",
                self._now.unread_reports,
            ),
            (
                "reports_unreadable",
                "Bounce reports that could not be read.",
                self._now.unreadable_reports,
            ),
        ):
            yield GaugeMetricFamily(f"{PREFIX}_{name}", words, value=value)

    def _outcomes(self) -> Metric:
        family = CounterMetricFamily(
            f"{PREFIX}_events",
            "What became of deliveries: accepted, deferred, failed, unconfirmed "
            "(by an expired lease, too), bounced, complained, …",
            labels=["channel", "event"],
        )
        # What never happened stands at 0: an alert does not see a counter begin at 1.
        none_yet = {
            f"{channel} {event}": 0 for channel in all_transports() for event in COUNTED
        }
        for label, number in sorted(
            {**none_yet, **dict(self._totals("events"))}.items()
        ):
            channel, _, event = label.partition(" ")
            family.add_metric([channel, event], number)
        return family

    def _throttle_waits(self) -> Metric:
        family = CounterMetricFamily(
            f"{PREFIX}_throttle_waits",
            "Times that a sender's lane began to rest for a limit.",
            labels=["channel"],
        )
        none_yet = dict.fromkeys(all_transports(), 0)
        for channel, number in {**none_yet, **dict(self._totals("waits"))}.items():
            family.add_metric([channel], number)
        return family

    def _lease_expiries(self) -> Metric:
        return CounterMetricFamily(
            f"{PREFIX}_lease_expiries",
            "Leases that ran out: their worker died, or slept for too long.",
            value=self._now.totals.get(("leases", "expired"), 0),
        )

    def _reports(self) -> Metric:
        family = CounterMetricFamily(
            f"{PREFIX}_reports", "Mails to return paths.", labels=["source"]
        )
        for source, number in self._totals("reports"):
            family.add_metric([source], number)
        return family

    def _latency(self) -> Metric:
        found = dict(self._totals("latency"))
        bounds = [*(str(bound) for bound in BUCKETS), "+Inf"]
        return HistogramMetricFamily(
            f"{PREFIX}_hand_over_seconds",
            "From due to handed over.",
            buckets=[(bound, found.get(bound, 0)) for bound in bounds],
            sum_value=dict(self._totals("latency_ms")).get("", 0) / 1000,
        )

    def _totals(self, name: str) -> list[tuple[str, int]]:
        return sorted(
            (label, number)
            for (each, label), number in self._now.totals.items()
            if each == name
        )
