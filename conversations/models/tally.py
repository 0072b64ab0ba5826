from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F


class Tally(models.Model):
    """How many events of a kind one sender's mail on one channel had in an hour.

    Counted from the timelines by `conversations.watching.tallying`, so that pictures
    and figures never count deliveries.
    """

    hour = models.DateTimeField(editable=False)  # its beginning, UTC
    team = models.ForeignKey(
        "accounts.Team",
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
        db_index=False,  # see conv_tally_team
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
    )
    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.CASCADE, related_name="+", editable=False
    )
    kind = models.CharField(max_length=12, editable=False)  # a DeliveryEvent.Kind
    number = models.PositiveIntegerField(editable=False)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            # One row for each, to which `tallying` adds. The index also finds the hours
            # of the whole installation.
            models.UniqueConstraint(
                fields=["hour", "sender", "channel", "kind"], name="conv_tally_once"
            ),
        ]
        indexes = [
            # A team's tallies by time, for its managers' overview.
            models.Index(fields=["team", "hour"], name="conv_tally_team"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.kind} in {self.hour:%Y-%m-%d %H}h"


class Total(models.Model):
    """A number that only ever grows, since the installation began: for /metrics."""

    name = models.CharField(max_length=30, editable=False)
    label = models.CharField(max_length=60, editable=False)
    number = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "label"], name="conv_total_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.label}: {self.number}"

    @classmethod
    def add(cls, name: str, label: str, number: int) -> None:
        cls.objects.get_or_create(name=name, label=label)
        cls.objects.filter(name=name, label=label).update(number=F("number") + number)


class TallyMark(models.Model):
    """How far the rows of a table have been counted, by id.

    Rows get their ids before they are committed. `seen_to`, the newest id at `seen_at`,
    is safe to count up to once every transaction open at that time has ended.
    """

    table = models.CharField(max_length=60, primary_key=True)
    counted_to = models.BigIntegerField(default=0)
    seen_to = models.BigIntegerField(default=0)
    seen_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.table} to {self.counted_to}"
