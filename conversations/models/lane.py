from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now


class Lane(models.Model):
    """What the queue has been told of a lane: one sender on one channel.

    A note beside the truth: the deliveries say what is due. Losing it only makes
    the sweeper announce once more than needed.
    """

    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.CASCADE, related_name="+"
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    # How often since a worker last took it, and until when that is believed to be in
    # the queue.
    announced = models.PositiveSmallIntegerField(default=0)
    not_again_before = models.DateTimeField(default=now)
    # The host all sessions of which were taken when its turn came, and since when.
    waits_for = models.CharField(max_length=255, blank=True)
    waits_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # A note is one a lane; found by it when a worker has the lane.
            models.UniqueConstraint(
                fields=["channel", "sender"], name="conv_lane_once"
            ),
        ]
        indexes = [
            # Who comes next when a host's session is free.
            models.Index(
                fields=["waits_for", "waits_since"],
                condition=~models.Q(waits_for=""),
                name="conv_lane_waits",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sender} on {self.channel}"
