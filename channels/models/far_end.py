from __future__ import annotations

from django.db import models
from django.utils.timezone import now


class FarEndSession(models.Model):
    """One of the sessions that the workers together may have open to a host.

    Taken while `until` is to come; a holder that dies renews it no more.
    """

    host = models.CharField(max_length=255)
    number = models.PositiveSmallIntegerField()
    holder = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            # Workers that meet a host for the first time count its sessions once;
            # and the look-up of a free one.
            models.UniqueConstraint(
                fields=["host", "number"], name="channels_session_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.host}, session {self.number + 1}"
