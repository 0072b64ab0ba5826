from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from channels.models.prepared import moment, prepared
from channels.models.quick_rows import QuickRowsModel
from channels.models.reading import instances
from conversations.models import by_hand
from conversations.models.by_hand import Sql

_TAKE_UP = """
    UPDATE conversations_lane SET announced = 0, not_again_before = %s, waits_for = ''
    WHERE channel_id = %s AND sender_id = %s
"""
_ANY_WAITS = """
    SELECT EXISTS(
        SELECT 1 FROM conversations_lane WHERE waits_for = %s AND NOT waits_for = ''
    )
"""


class LaneQuerySet(models.QuerySet["Lane"]):
    def noted(self, channels: Iterable[int], senders: Iterable[int]) -> list[Lane]:
        """The notes on any of the senders on any of the channels.

        Asked after every message that is written, so by hand.
        """
        among = by_hand.among(by_hand.ID)
        return instances(
            self.model,
            "SELECT {columns} FROM conversations_lane "  # noqa: S608
            f"WHERE channel_id {among} AND sender_id {among}",
            [json.dumps(list(channels)), json.dumps(list(senders))],
        )

    def take_up(self, channel_id: int, sender_id: int) -> None:
        """Note that its turn has come: what is queued from now on is announced anew."""
        prepared(_TAKE_UP, [moment(now()), channel_id, sender_id])

    def attended(self, since: datetime) -> Self:
        """Those that a worker has taken up since then, or for that session of a host
        waits which they wait for; and those that are announced for the first time.

        A second announcement says that nobody came after the first.
        """
        return self.filter(announced__lte=1, not_again_before__gt=since)

    def waiting(self) -> Self:
        """Those that wait for a session of their host."""
        return self.exclude(waits_for="")

    def any_waits_for(self, host: str) -> bool:
        [(found,)] = prepared(_ANY_WAITS, [host])
        return bool(found)

    def waiting_longest(self, host: str) -> list[Lane]:
        """The first few of those that wait for the host. Asked at every turn's end."""
        return instances(
            self.model,
            "SELECT {columns} FROM conversations_lane WHERE waits_for = %s "
            "AND NOT waits_for = '' ORDER BY waits_since LIMIT 5",
            [host],
        )


class Lane(QuickRowsModel):
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

    objects = LaneQuerySet.as_manager()

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

    @staticmethod
    def told_of(
        channel_id: int, sender_id: int, *, after: datetime, until: datetime
    ) -> Sql:
        """Ask whether the lane is announced: `not_again_before` in that interval.

        Asked in the transaction that queues mail, and locks the row until that is
        committed: a worker that takes the lane up changes the row before it reads what
        is due, so it waits, and finds the mail. If somebody else has the row locked, it
        finds nothing instead of waiting: one announcement too many does no harm.
        """
        return Sql(
            "SELECT 1 FROM conversations_lane WHERE channel_id = %s AND sender_id = %s "
            "AND not_again_before > %s AND not_again_before <= %s "
            "FOR NO KEY UPDATE SKIP LOCKED",
            (channel_id, sender_id, after, until),
        )
