from __future__ import annotations

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.timezone import now

# After so long nobody wants this morning's mail any more.
STALE_AFTER = timedelta(hours=4)


class DigestQuerySet(models.QuerySet["Digest"]):
    def due(self, at: datetime) -> Self:
        return self.filter(
            state=Digest.State.DUE,
            not_before__lte=at,
            made_at__gt=at - STALE_AFTER,
        )


class Digest(models.Model):
    """One manager's digest mail of one morning; the row makes sure there is only one.

    Its state changes by conditional UPDATEs only. A digest that was being handed over
    when its worker died may have arrived: it stays in that state and is never mailed a
    second time.
    """

    class State(models.TextChoices):
        DUE = "due"
        HANDING_OVER = "handing_over", "handing over"
        SENT = "sent"
        NOTHING = "nothing", "nothing to tell"
        REFUSED = "refused"

    manager = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="+",
        editable=False,
    )
    day = models.DateField(editable=False)  # on the manager's calendar
    state = models.CharField(
        max_length=12, choices=State, default=State.DUE, editable=False
    )
    # Not announced to the workers again before this time.
    not_before = models.DateTimeField(default=now, editable=False)
    made_at = models.DateTimeField(default=now, editable=False)

    objects = DigestQuerySet.as_manager()

    class Meta:
        constraints = [
            # One for each manager and day, however many sweepers make them.
            models.UniqueConstraint(
                fields=["manager", "day"], name="conv_digest_once_a_day"
            ),
        ]
        indexes = [
            # Due digests, which the sweeper announces.
            models.Index(
                fields=["not_before"],
                condition=models.Q(state="due"),
                name="conv_digest_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.manager} on {self.day}"
