"""Where a delivery stands, what people have decided about it, and in which words."""

from __future__ import annotations

from django.db import models


class State(models.TextChoices):
    """Where a delivery stands: queued → handing over → settled."""

    QUEUED = "queued"  # waits for its turn or its time
    # A worker has claimed it under a lease, committed just before the bytes are sent.
    HANDING_OVER = "handing_over"
    ACCEPTED = "accepted"  # the next server took it
    DELAYED = "delayed"  # the server that took it reports it is still trying
    FAILED = "failed"  # it never left, or was refused on the spot
    UNCONFIRMED = "unconfirmed"  # nobody can know whether the next server took it
    BOUNCED = "bounced"  # refused after it had been accepted
    COMPLAINED = "complained"  # the recipient marked it as spam


# The states of mail whose attempts are not over.
IN_PROGRESS = (State.QUEUED, State.HANDING_OVER)
# The states listed under Failed deliveries.
FAILURES = (State.FAILED, State.BOUNCED, State.COMPLAINED, State.UNCONFIRMED)


class Triage(models.TextChoices):
    """What people have decided about a failure; OPEN until they have."""

    OPEN = "open", "Open"
    WAITING = "waiting", "Waiting"
    RESOLVED = "resolved", "Resolved"
    LOST = "lost", "Accepted loss"


UNDONE = frozenset({Triage.OPEN, Triage.WAITING})


class Part(models.TextChoices):
    """The header field a recipient is in. Each has its own delivery and return path."""

    TO = "to"
    CC = "cc"
    BCC = "bcc"  # in no header at all


SCHEDULED = "Scheduled"  # why mail waits that waits for nothing but its time
# The endings of `waiting_for` of mail put off; see outcomes.what_it_waits_for.
IS_DOWN = "cannot take mail at the moment"
SLOW_DOWN = "asked us to slow down"
LATER = "asked us to try again later"
BROKE = "The connection broke before the message was sent"
# The pages' words and tone for each state; those for "accepted" depend on the channel.
STATUS: dict[str, tuple[str, str]] = {
    State.QUEUED: ("Waiting", "wait"),
    State.HANDING_OVER: ("Sending", "wait"),
    State.DELAYED: ("Delayed", "wait"),
    State.FAILED: ("Failed", "bad"),
    State.UNCONFIRMED: ("Unconfirmed", "doubt"),
    State.BOUNCED: ("Bounced", "bad"),
    State.COMPLAINED: ("Spam", "bad"),
}
