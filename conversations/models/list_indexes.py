"""The indexes of Delivery that the lists of Conversations are read by.

Each is as small as its list: it holds the rows of one tab only, and the bulk of the
table, what was sent, stands in coarse ones. A delivery in the middle of being sent
is in those of Pending alone, so sending has two of them to keep up.
"""

from __future__ import annotations

from django.db import models

from conversations.models import state
from conversations.models.sought import Day, FourDays, FourHours, HalfDay

# Every state of the tab: one that no delivery is in costs nothing.
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
    # Conversations › Pending of a team and of a member, by date either way.
    models.Index(
        fields=["team", "state_since"],
        condition=IS_PENDING,
        name="conv_pending_team",
    ),
    models.Index(
        fields=["sender", "state_since"],
        include=["team"],  # so that a manager's count of a member's needs nothing else
        condition=IS_PENDING,
        name="conv_pending_sender",
    ),
    # Pending › Scheduled by when it leaves. Few of what waits, so the index is small; by
    # any other, whoever has much on its way, or shares the database with a team that
    # schedules much, would wait until all of that is read, even for the number of theirs.
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
    # Failed deliveries, as Pending.
    models.Index(
        fields=["team", "state_since"],
        include=["state"],  # so that the lists inside the tab are counted by it alone
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
    # By one kind of channel: mostly the same, so by a coarse key.
    models.Index(
        "team",
        "channel_kind",
        Day("state_since"),
        condition=HAS_FAILED,
        name="conv_failed_channel",
    ),
    # The few among them that were marked as spam or are in doubt.
    models.Index(
        fields=["team", "state", "state_since"],
        condition=models.Q(state__in=["complained", "unconfirmed"], archived_at=None),
        name="conv_failed_rare",
    ),
    # Those that somebody waits with, or has given up; the open ones have their causes.
    models.Index(
        fields=["team", "triage", "state_since"],
        condition=models.Q(
            state__in=FAILURES, archived_at=None, triage__in=["waiting", "lost"]
        ),
        name="conv_failed_triaged",
    ),
    # Sent, most of the table, by coarse keys: Delivered …
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
    # … and Handed over, not tracked: a fifth of it, so that a longer span has as many.
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
        "team",  # as in Pending
        condition=IS_ARCHIVED,
        name="conv_archived_sender",
    ),
]
