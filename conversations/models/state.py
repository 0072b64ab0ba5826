"""Where a delivery stands, what people have decided about it, and in which words."""

from __future__ import annotations

from django.db import models


class State(models.TextChoices):
    """Where a delivery stands: queued → handing over → settled."""

    QUEUED = "queued"  # waits for its turn or its time
    # A worker has claimed it under a lease: committed just before the bytes go.
    HANDING_OVER = "handing_over"
    ACCEPTED = "accepted"  # the next server took it
    DELAYED = "delayed"  # and has told that it is still trying to pass it on
    FAILED = "failed"  # it never left, or was refused on the spot
    UNCONFIRMED = "unconfirmed"  # nobody can know whether it was taken
    BOUNCED = "bounced"  # refused after it had been accepted
    COMPLAINED = "complained"  # the recipient marked it as spam


# What did not arrive, as far as is known: Failed deliveries.
FAILURES = (State.FAILED, State.BOUNCED, State.COMPLAINED, State.UNCONFIRMED)


class Triage(models.TextChoices):
    """What people have decided about a failure; open until they have."""

    OPEN = "open", "Open"
    WAITING = "waiting", "Waiting"
    RESOLVED = "resolved", "Resolved"
    LOST = "lost", "Accepted loss"


UNDONE = frozenset({Triage.OPEN, Triage.WAITING})


class Part(models.TextChoices):
    """How a recipient stands in the header. Each has a delivery and a return path."""

    TO = "to"
    CC = "cc"
    BCC = "bcc"  # in no header at all


SCHEDULED = "Scheduled"  # what waits for nothing but its time
# How it ends what put-off mail says that it waits for; see outcomes.what_it_waits_for.
IS_DOWN = "cannot take mail at the moment"
SLOW_DOWN = "asked us to slow down"
LATER = "asked us to try again later"
BROKE = "The connection broke before the message was sent"
# The states in the words and tones of the pages; "accepted" is the transport's word.
STATUS: dict[str, tuple[str, str]] = {
    State.QUEUED: ("Waiting", "wait"),
    State.HANDING_OVER: ("Sending", "wait"),
    State.DELAYED: ("Delayed", "wait"),
    State.FAILED: ("Failed", "bad"),
    State.UNCONFIRMED: ("Unconfirmed", "doubt"),
    State.BOUNCED: ("Bounced", "bad"),
    State.COMPLAINED: ("Spam", "bad"),
}
