from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import uuid4

from django.db import models
from django.utils.timezone import now

from channels.remote_words import RemoteLineField, RemoteWordsField
from channels.return_path import RETURN_TOKEN, TOKEN_BYTES, without_return_tokens
from conversations.bounces.reasons import REASONS, Reason

UNTOLD = "0" * (2 * TOKEN_BYTES)
SHOWN = 100_000  # bytes of a raw report on a page; the download has all


class ReportQuerySet(models.QuerySet["Report"]):
    def strays(self) -> Self:
        """Reports that came without a valid return path and led to no delivery."""
        return self.filter(delivery=None, return_token="")

    def unread_since(self, at: datetime) -> Self:
        """Reports that no worker has read yet, though they came before that."""
        return self.filter(state=Report.State.UNREAD, received_at__lte=at)

    def unreadable(self) -> Self:
        return self.filter(state=Report.State.UNREADABLE)

    def read_again(self) -> int:
        """Mark those that led to no delivery, or were unreadable, to be read again.

        The sweeper hands them to a worker. Return how many.
        """
        nothing = models.Q(state=Report.State.READ, delivery=None)
        unreadable = models.Q(state=Report.State.UNREADABLE)
        return self.filter(nothing | unreadable).update(state=Report.State.UNREAD)


class Report(models.Model):
    """A mail that came to a return path, as it came: bounce, delay, complaint, …

    Committed before the server that brought it is answered 250, and parsed afterwards.
    """

    class State(models.TextChoices):
        UNREAD = "unread"
        READ = "read"
        UNREADABLE = "unreadable"  # reading it raised; kept for the admin

    class Kind(models.TextChoices):
        BOUNCE = "bounce"
        DELAY = "delay"
        DELIVERED = "delivered"
        RELAYED = "relayed", "passed on"
        COMPLAINT = "complaint"
        AUTOREPLY = "autoreply", "automatic reply"
        AUTH_REPORT = "auth_report", "authentication report"
        OTHER = "other"

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    # The token of the return path it was sent to; empty if that was not a valid one.
    return_token = models.CharField(max_length=32, blank=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)  # see bounces.digest
    raw = models.BinaryField()
    received_at = models.DateTimeField(default=now, editable=False)
    source = models.CharField(max_length=10, editable=False)  # smtp, lmtp, pipe
    delivery = models.ForeignKey(
        "conversations.Delivery",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="reports",
    )
    state = models.CharField(max_length=10, choices=State, default=State.UNREAD)

    # What `bounces.recording` read in it.
    kind = models.CharField(max_length=12, choices=Kind, blank=True)
    reason = models.CharField(max_length=30, blank=True)
    final_recipient = RemoteLineField(max_length=320, blank=True)
    enhanced_code = models.CharField(max_length=12, blank=True)
    diagnostic = RemoteWordsField(blank=True)
    reporting_mta = models.CharField(max_length=255, blank=True)
    remote_mta = models.CharField(max_length=255, blank=True)
    evidence = RemoteLineField(max_length=300, blank=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        constraints = [
            # The same bounce delivered twice is one report.
            models.UniqueConstraint(
                fields=["return_token", "digest"], name="conv_report_once"
            ),
        ]
        indexes = [
            # Unread reports, which the sweeper hands to a worker again.
            models.Index(
                fields=["received_at"],
                condition=models.Q(state="unread"),
                name="conv_report_unread",
            ),
            # The two lists that an admin works off, and their counts.
            models.Index(
                fields=["received_at"],
                condition=models.Q(delivery=None, return_token=""),
                name="conv_report_stray",
            ),
            models.Index(
                fields=["received_at"],
                condition=models.Q(state="unreadable"),
                name="conv_report_unreadable",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display() or 'report'} of {self.received_at:%Y-%m-%d %H:%M}"

    @property
    def text(self) -> str:
        """The raw report for a page: hostile text, cut off after SHOWN bytes."""
        shown = bytes(self.raw[:SHOWN]).decode("utf-8", "replace")
        return without_return_tokens(shown)

    @property
    def as_mail(self) -> bytes:
        """The raw report as a file, with zeros in place of its return tokens."""
        text = bytes(self.raw).decode("latin-1")
        return RETURN_TOKEN.sub(UNTOLD, text).encode("latin-1")

    @property
    def why(self) -> Reason | None:
        return REASONS.get(self.reason)

    @property
    def is_bounce(self) -> bool:
        return self.kind == self.Kind.BOUNCE
