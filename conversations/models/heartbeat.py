from __future__ import annotations

from django.db import models
from django.utils.timezone import now


class Heartbeat(models.Model):
    """When a background role last did its round; read by /healthz."""

    role = models.CharField(max_length=30, primary_key=True)
    at = models.DateTimeField(default=now)

    def __str__(self) -> str:
        return self.role

    @classmethod
    def beat(cls, role: str) -> None:
        cls.objects.update_or_create(role=role, defaults={"at": now()})
