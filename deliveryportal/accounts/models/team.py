from __future__ import annotations

from django.db import models
from django.utils.timezone import now


class Team(models.Model):
    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(default=now, editable=False)

    def __str__(self) -> str:
        return self.name
