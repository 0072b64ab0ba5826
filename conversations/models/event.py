from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import models
from django.utils.timezone import now

from channels.remote_words import RemoteLineField, RemoteWordsField
from channels.return_path import without_return_tokens
from conversations.models import by_hand
from conversations.models.by_hand import Rows

logger = logging.getLogger(__name__)

_TONES = {
    "accepted": "ok",
    "delivered": "ok",
    "deferred": "wait",
    "delayed": "wait",
    "delay_over": "ok",
    "failed": "bad",
    "bounced": "bad",
    "complained": "bad",
    "unconfirmed": "doubt",
    "late_answer": "doubt",
}


_USUAL = {"written", "accepted"}


class Line(NamedTuple):
    """A new line of a delivery's timeline, for `DeliveryEvent.objects.record`."""

    delivery_id: int
    kind: str
    at: datetime
    note: str = ""
    remote: str = ""
    remote_words: str = ""
    code: int | None = None
    enhanced_code: str = ""
    attempt: int | None = None
    report_id: int | None = None


class DeliveryEventQuerySet(models.QuerySet["DeliveryEvent"]):
    def record(self, lines: Iterable[Line], *, after: Iterable[Rows] = ()) -> None:
        """Insert and log the lines, in a fraction of the time `bulk_create` takes.

        `after` are new rows that the lines refer to: inserted first, in the same trip.
        """
        written = list(lines)
        by_hand.insert(*after, self.rows(written))
        log(written)

    def rows(self, lines: Sequence[Line]) -> Rows:
        return Rows(self.model, Line._fields, lines)


def log(lines: Iterable[Line]) -> None:
    """Log for the operator what happens to each delivery, in whichever process.

    The usual events are logged at DEBUG, others at INFO. `extra` has the fields of a
    JSON log.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    for line in lines:
        level = logging.DEBUG if line.kind in _USUAL else logging.INFO
        if logger.isEnabledFor(level):
            logger.log(
                level,
                "Delivery %s: %s %r",
                line.delivery_id,
                line.kind,
                without_return_tokens(line.remote_words or line.note),
                extra={
                    "delivery": line.delivery_id,
                    "report": line.report_id,
                    "event": line.kind,
                    "attempt": line.attempt,
                    "code": line.code,
                    "enhanced_code": line.enhanced_code,
                },
            )


class DeliveryEvent(models.Model):
    """One line of a delivery's timeline. Written once, never changed."""

    class Kind(models.TextChoices):
        WRITTEN = "written", "written and queued"
        QUEUED = "queued"  # not written any more, but old timelines have it
        ACCEPTED = "accepted", "handed over"
        DEFERRED = "deferred", "put off"
        FAILED = "failed"
        UNCONFIRMED = "unconfirmed"
        LATE_ANSWER = "late_answer", "answer after the lease had ended"
        BOUNCED = "bounced"
        DELAYED = "delayed", "still trying"
        DELAY_OVER = "delay_over", "no bounce followed the delay"
        DELIVERED = "delivered", "delivery confirmed"
        RELAYED = "relayed", "passed on, arrival not confirmed"
        COMPLAINED = "complained", "marked as spam"
        AUTOREPLY = "autoreply", "automatic reply"
        REPORTED = "reported", "further report"
        TRIAGED = "triaged", "looked after"
        SETTLED = "settled", "settled by hand"

    delivery = models.ForeignKey(
        "conversations.Delivery",
        on_delete=models.CASCADE,
        related_name="events",
        db_index=False,  # the timeline's index begins with it
    )
    kind = models.CharField(max_length=12, choices=Kind)
    at = models.DateTimeField(default=now)
    note = RemoteLineField(max_length=500, blank=True)  # our words, may quote addresses
    remote = models.CharField(max_length=255, blank=True)  # host that answered
    remote_words = RemoteWordsField(blank=True)  # that host's words: hostile text
    code = models.SmallIntegerField(null=True, blank=True)
    enhanced_code = models.CharField(max_length=12, blank=True)
    attempt = models.SmallIntegerField(null=True, blank=True)
    report = models.ForeignKey(
        "conversations.Report",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="events",
        db_index=False,  # the partial index below is smaller
    )

    objects = DeliveryEventQuerySet.as_manager()

    class Meta:
        ordering = ["at", "pk"]
        indexes = [
            # A message's timeline.
            models.Index(fields=["delivery", "at"], name="conv_event_timeline"),
            # The events that a report caused; most events have no report.
            models.Index(
                fields=["report"],
                condition=models.Q(report__isnull=False),
                name="conv_event_report",
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def said(self) -> str:
        """The remote server's words, with its reply code in front, but not twice."""
        code = str(self.code or "")
        words = self.remote_words
        return words if words.startswith(code) else f"{code} {words}"

    @property
    def tone(self) -> str:
        return _TONES.get(self.kind, "quiet")
