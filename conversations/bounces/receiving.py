"""Taking a report in: whether its address is one of ours, and keeping it as it came."""

from __future__ import annotations

from channels.announcing import announce
from conversations.bounces.digest import digest_of
from conversations.models import Delivery, Report
from conversations.tasks import read_report


def token_is_known(token: str) -> bool:
    """Tell whether mail to this return path is about a delivery that still exists."""
    return Delivery.objects.filter(return_token=token).exists()


def receive_report(token: str, raw: bytes, source: str) -> Report:
    """Keep the report; the same mail to the same return path is kept once.

    Outside a transaction it is committed on return. `source` is smtp, lmtp or pipe.
    """
    report, _ = Report.objects.defer("raw").get_or_create(
        return_token=token,
        digest=digest_of(raw),
        defaults={"raw": raw, "source": source},
    )
    return report


def announce_report(report: Report) -> None:
    """Have it read soon. If the queue is away, the sweeper finds it unread."""
    announce(read_report, report.pk)
