from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from channels.database.prepared import Sql, moment, prepared
from channels.database.quick_rows import QuickRowsModel
from channels.database.reading import instances
from conversations.models import by_hand

_TAKE_UP = """
    UPDATE conversations_lane SET announced = 0, not_again_before = %s, waits_for = ''
    WHERE channel_id = %s AND sender_id = %s RETURNING {columns}
"""
_ANY_WAITS = """
    SELECT EXISTS(
        SELECT 1 FROM conversations_lane WHERE waits_for = %s AND NOT waits_for = ''
    )
"""


class LaneQuerySet(models.QuerySet["Lane"]):
    def noted(self, channels: Iterable[int], senders: Iterable[int]) -> list[Lane]:
        """The rows of any of these senders on any of these channels.

        Raw SQL, because it runs after every message that is written.
        """
        among = by_hand.among(by_hand.ID)
        return instances(
            self.model,
            "SELECT {columns} FROM conversations_lane "  # noqa: S608
            f"WHERE channel_id {among} AND sender_id {among}",
            [json.dumps(list(channels)), json.dumps(list(senders))],
        )

    def take_up(self, channel_id: int, sender_id: int) -> datetime | None:
        """Note that a worker begins its turn: mail queued from now on is announced.

        Return since when the lane has been waiting for a session of its host, if it has.
        """
        taken = instances(
            self.model,
            _TAKE_UP,
            [moment(now()), channel_id, sender_id],
            only=("id", "waits_since"),
        )
        return taken[0].waits_since if taken else None

    def attended(self, since: datetime) -> Self:
        """Those that a worker has taken up since then, or for that session of a host
        waits which they wait for; and those that are announced for the first time.

        A second announcement says that nobody came after the first.
        """
        return self.filter(announced__lte=1, not_again_before__gt=since)

    def waiting(self) -> Self:
        """Lanes that wait for a session of their host."""
        return self.exclude(waits_for="")

    def any_waits_for(self, host: str) -> bool:
        [(found,)] = prepared(_ANY_WAITS, [host])
        return bool(found)

    def waiting_longest(self, host: str) -> list[Lane]:
        """The five lanes that wait longest for the host; runs after every turn."""
        return instances(
            self.model,
            "SELECT {columns} FROM conversations_lane WHERE waits_for = %s "
            "AND NOT waits_for = '' ORDER BY waits_since LIMIT 5",
            [host],
        )


class Lane(QuickRowsModel):
    """What the queue has been told of a lane, which is one sender on one channel.

    Only a note: the deliveries say what is due. Losing a row only makes the sweeper
    announce the lane once more than needed.
    """

    channel = models.ForeignKey(
        "channels.Channel", on_delete=models.CASCADE, related_name="+"
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    # How often it was announced since a worker last took it, and until when that
    # announcement is believed to be in the queue.
    announced = models.PositiveSmallIntegerField(default=0)
    not_again_before = models.DateTimeField(default=now)
    # The host whose sessions were all taken when the lane's turn came; and since when
    # the lane waits for one, which it keeps while it is called, until it has one.
    waits_for = models.CharField(max_length=255, blank=True)
    waits_since = models.DateTimeField(null=True, blank=True)

    objects = LaneQuerySet.as_manager()

    class Meta:
        constraints = [
            # One row a lane; workers find it by this index.
            models.UniqueConstraint(
                fields=["channel", "sender"], name="conv_lane_once"
            ),
        ]
        indexes = [
            # Which lane comes next when a session of a host becomes free.
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
        """SQL that selects 1 if the lane's `not_again_before` is in (after, until].

        Run in the transaction that queues mail, it locks the row until that commits. A
        worker that takes up the lane updates the row before it reads what is due, so it
        waits for the commit and finds the mail. If somebody else has locked the row, it
        finds nothing instead of waiting: one announcement too many does no harm.
        """
        return Sql(
            "SELECT 1 FROM conversations_lane WHERE channel_id = %s AND sender_id = %s "
            "AND not_again_before > %s AND not_again_before <= %s "
            "FOR NO KEY UPDATE SKIP LOCKED",
            (channel_id, sender_id, after, until),
        )
