"""The indexes of Delivery that the lists of Conversations are read by.

Each is partial and holds the rows of one list only. Sent mail, most of the table, has
indexes with coarse keys (see models.sought). A delivery that is being sent is only in
the two general ones of Pending, so sending has to write no more of them.
"""

from __future__ import annotations

from django.db import models

from conversations.models import state
from conversations.models.sought import Day, FourDays, FourHours, HalfDay

# A state that no row has costs an index nothing; adding one later would rebuild it.
PENDING = ["queued", "handing_over", "delayed"]
FAILURES = [each.value for each in state.FAILURES]

IS_PENDING = models.Q(state__in=PENDING, archived_at=None)
HAS_FAILED = models.Q(state__in=FAILURES, archived_at=None)
IS_OPEN = models.Q(state__in=FAILURES, triage="open")  # none is archived
IS_DELIVERED = models.Q(state="accepted", archived_at=None, tracked=True)
IS_HANDED_OVER = models.Q(state="accepted", archived_at=None, tracked=False)
IS_ARCHIVED = models.Q(archived_at__isnull=False)
# True of every delivery: each stands in one of the lists.
IN_LISTS = IS_PENDING | HAS_FAILED | IS_DELIVERED | IS_HANDED_OVER | IS_ARCHIVED

LIST_INDEXES = [
    # Pending of a team and of a member, by date in either direction.
    models.Index(
        fields=["team", "state_since"],
        condition=IS_PENDING,
        name="conv_pending_team",
    ),
    models.Index(
        fields=["sender", "state_since"],
        include=["team"],  # so that it alone answers a manager's count for a member
        condition=IS_PENDING,
        name="conv_pending_sender",
    ),
    # Pending › Scheduled, by departure. Little of what waits is scheduled, so the index
    # is small. By any other index, the list and even its count would read all that the
    # team has on its way, or all that other teams have scheduled.
    models.Index(
        fields=["team", "not_before"],
        condition=models.Q(
            state="queued",
            archived_at=None,
            waiting_for="",
            not_before__gt=models.F("created_at"),
        ),
        name="conv_scheduled_team",
    ),
    # Failed deliveries of a team and of a member, as for Pending.
    models.Index(
        fields=["team", "state_since"],
        include=["state"],  # so that it alone answers the counts of the tab's lists
        condition=HAS_FAILED,
        name="conv_failed_team",
    ),
    models.Index(
        fields=["sender", "state_since"],
        include=["state", "team"],  # likewise, for a manager too
        condition=HAS_FAILED,
        name="conv_failed_sender",
    ),
    # Failed deliveries of one reason.
    models.Index(
        fields=["team", "reason", "state_since"],
        condition=HAS_FAILED,
        name="conv_failed_reason",
    ),
    # Failed deliveries by one kind of channel. Most have the same, hence a coarse key.
    models.Index(
        "team",
        "channel_kind",
        Day("state_since"),
        condition=HAS_FAILED,
        name="conv_failed_channel",
    ),
    # The few failures that were marked as spam or are unconfirmed.
    models.Index(
        fields=["team", "state", "state_since"],
        condition=models.Q(state__in=["complained", "unconfirmed"], archived_at=None),
        name="conv_failed_rare",
    ),
    # Failures triaged as waiting or lost; conv_delivery_cause finds the open ones.
    models.Index(
        fields=["team", "triage", "state_since"],
        condition=models.Q(
            state__in=FAILURES, archived_at=None, triage__in=["waiting", "lost"]
        ),
        name="conv_failed_triaged",
    ),
    # Sent mail, most of the table, by coarse keys: Delivered …
    models.Index(
        "team",
        FourHours("state_since"),
        condition=IS_DELIVERED,
        name="conv_delivered_team",
    ),
    models.Index(
        "sender",
        Day("state_since"),
        condition=IS_DELIVERED,
        name="conv_delivered_sender",
    ),
    # … and Handed over, not tracked: a fifth as much, so spans can be longer.
    models.Index(
        "team",
        HalfDay("state_since"),
        condition=IS_HANDED_OVER,
        name="conv_handed_over_team",
    ),
    models.Index(
        "sender",
        FourDays("state_since"),
        condition=IS_HANDED_OVER,
        name="conv_handed_over_sender",
    ),
    # Archived, in whatever state.
    models.Index(
        "team",
        FourHours("state_since"),
        condition=IS_ARCHIVED,
        name="conv_archived_team",
    ),
    models.Index(
        "sender",
        Day("state_since"),
        "team",  # so that it alone answers a manager's count for a member
        condition=IS_ARCHIVED,
        name="conv_archived_sender",
    ),
]
