from __future__ import annotations

from django.conf import settings
from django.db import models


class ChannelChoice(models.Model):
    """The channel a user picked in Settings; no row: Portal servers."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="channel_choice",
    )
    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.CASCADE, related_name="chosen_by"
    )

    def __str__(self) -> str:
        return f"{self.user} → {self.channel}"
