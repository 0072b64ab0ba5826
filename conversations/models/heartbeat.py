from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils.timezone import now


class Heartbeat(models.Model):
    """When a background role last did its round; read by /healthz."""

    role = models.CharField(max_length=30, primary_key=True)
    at = models.DateTimeField(default=now)
    # Seconds by which its machine's clock was ahead of the database's, or behind.
    clock_ahead = models.FloatField(null=True, blank=True)

    def __str__(self) -> str:
        return self.role

    @classmethod
    def beat(cls, role: str, *, clock_ahead: timedelta = timedelta(0)) -> None:
        told = {"at": now(), "clock_ahead": clock_ahead.total_seconds()}
        cls.objects.update_or_create(role=role, defaults=told)
