from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.db import models
from django.utils.timezone import now

from channels.database.prepared import moment, prepared

# How long a session stays taken once its holder has died: the living renew theirs, also
# while they wait for the host. One that seems to be taken for far longer was written
# before the clock was put back, and is free.
HELD = timedelta(seconds=20)
_IS_FREE = "(holder = '' OR until <= %s OR until > %s)"
_TAKE = f"""
    UPDATE channels_farendsession SET holder = %s, until = %s
    WHERE {_IS_FREE} AND id = (
        SELECT id FROM channels_farendsession
        WHERE host = %s AND number < %s AND {_IS_FREE} ORDER BY number LIMIT 1
    )
    RETURNING id
"""  # noqa: S608
_GIVE_BACK = """
    UPDATE channels_farendsession SET holder = '', until = %s WHERE holder = %s
"""


class FarEndSessionQuerySet(models.QuerySet["FarEndSession"]):
    """Taken and given back with every turn of a lane, so by hand."""

    def take(self, host: str, holder: str, *, below: int) -> bool:
        """Take a free one of those with a number `below`; return whether that was done.

        Another worker may have chosen the same one: then there may be another.
        """
        at = now()
        free = moment(at), moment(at + 2 * HELD)
        until = moment(at + HELD)
        return bool(prepared(_TAKE, [holder, until, *free, host, below, *free]))

    def give_back(self, holder: str) -> None:
        prepared(_GIVE_BACK, [moment(now()), holder])

    def free(self) -> Self:
        at = now()
        return self.filter(
            models.Q(holder="")
            | models.Q(until__lte=at)
            | models.Q(until__gt=at + 2 * HELD)
        )


class FarEndSession(models.Model):
    """One of the sessions that the workers together may have open to a host.

    Taken while `until` is to come; a holder that dies renews it no more.
    """

    host = models.CharField(max_length=255)
    number = models.PositiveSmallIntegerField()
    holder = models.CharField(max_length=32, blank=True)
    until = models.DateTimeField(default=now)

    objects = FarEndSessionQuerySet.as_manager()

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
