from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import StrIndex, Substr
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from channels.database.quick_rows import QuickRowsModel
from channels.models import Channel
from channels.remote_words import RemoteWordsField
from channels.return_path import new_token
from channels.transports import Traits, transport_class
from conversations.bounces.reasons import REASONS, Reason
from conversations.models import hold
from conversations.models.by_hand import Rows
from conversations.models.cause import CAUSE
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.list_indexes import LIST_INDEXES
from conversations.models.state import (
    FAILURES,
    IS_DOWN,
    SCHEDULED,
    STATUS,
    UNDONE,
    Part,
    State,
    Triage,
)
from conversations.sending.retry_policy import GIVE_UP_AFTER

BY_CAUSE = ("cause", "state_since")  # the order of a team's open failures


class NewDelivery(NamedTuple):
    """What is a delivery's own among those of a message, or of many messages."""

    id: int
    uuid: UUID
    message_id: int
    sender_id: int
    team_id: int
    part: str
    recipient: str
    recipient_wire: str
    recipient_name: str
    subject: str
    from_address: str
    return_token: str


class Delivery(QuickRowsModel):
    """One message to one recipient, with a state.

    The state changes only by UPDATEs that name the state they expect, in
    `delivering`, `sending`, `sweeping`, `cancelling`, `bounces.recording` and
    `triage.settling`; each writes a `DeliveryEvent`. Channel, sender and
    team are the message's, repeated here because lanes and lists ask for them; what
    else lists are narrowed by is copied from message and channel when it is made.
    """

    State = State
    Triage = Triage

    Part = Part

    listed_by = "state_since"

    # In the order of time, as its return token: each change of the row makes new index
    # entries, and those of mail that goes together then stand together.
    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    message = models.ForeignKey(
        "conversations.Message", on_delete=models.CASCADE, related_name="deliveries"
    )
    recipient = models.CharField(max_length=254)  # as people write it
    recipient_wire = models.CharField(max_length=254)  # domain in A-labels
    recipient_name = models.CharField(max_length=200, blank=True)
    # Whose servers may ask us to slow down; the database keeps it.
    recipient_domain = models.GeneratedField(
        expression=Substr(
            "recipient_wire", StrIndex("recipient_wire", models.Value("@")) + 1
        ),
        output_field=models.CharField(max_length=254),
        db_persist=True,
    )
    part = models.CharField(max_length=3, choices=Part, default=Part.TO)
    channel = models.ForeignKey(
        "channels.Channel",
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,  # most go by one channel; what waits for one has its own
    )
    # Those of a member and of a team are found by the indexes of the lists, each small;
    # see `in_lists`. One for all of them would have to be kept up with every change. And
    # that they are there is checked for the message.
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    team = models.ForeignKey(
        "accounts.Team",
        on_delete=models.PROTECT,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    # Copies; the message keeps its own in step.
    subject = models.CharField(max_length=500, blank=True, editable=False)
    from_address = models.EmailField(blank=True, editable=False)
    channel_kind = models.CharField(max_length=30, blank=True, editable=False)
    tracked = models.BooleanField(default=False, editable=False)  # bounces come back
    # What a bounce is recognised by; see channels.return_path.
    return_token = models.CharField(max_length=32, default=new_token, editable=False)

    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    state_since = models.DateTimeField(default=now)
    not_before = models.DateTimeField(default=now)
    waiting_for = models.CharField(max_length=300, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    # Since when it is being tried: what waited for a limit before has its two days.
    tried_since = models.DateTimeField(null=True, blank=True, editable=False)
    lease = models.CharField(max_length=32, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    # While it is delayed: until when their server tries, at most.
    tried_until = models.DateTimeField(null=True, blank=True, editable=False)

    # Why it did not arrive: a key of REASONS, and the other side's last words.
    reason = models.CharField(max_length=30, blank=True)
    # What failures are grouped by; null where nothing has failed.
    cause = models.GeneratedField(
        expression=CAUSE,
        output_field=models.CharField(max_length=300, null=True),
        db_persist=True,
    )
    triage = models.CharField(max_length=8, choices=Triage, default=Triage.OPEN)
    # Who looks after the failure. Its lists are found by triage: no index of its own.
    triage_owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
    )
    remote_words = RemoteWordsField(blank=True)
    enhanced_code = models.CharField(max_length=12, blank=True)
    # What stopped it here, if the address is suppressed or its domain blocked.
    suppression = models.ForeignKey(
        "conversations.Suppression",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="stopped",
        db_index=False,  # the one below is smaller
    )
    # The provider's own ids of the message and its thread, where it has any.
    remote_id = models.CharField(max_length=255, blank=True, editable=False)
    remote_thread = models.CharField(max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Set: a person has put it away; it stands under Sent › Archived whatever its state.
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            # A lane's next batch in its order, without reading what is not due or
            # sorting what became due together; and which lanes have any: sweeping.
            models.Index(
                fields=["channel", "sender", "not_before", "id"],
                condition=models.Q(state="queued"),
                name="conv_delivery_due",
            ),
            # The next one that waits for a time of its own: the sweeper wakes for it.
            models.Index(
                fields=["not_before"],
                condition=models.Q(
                    state="queued", not_before__gt=models.F("created_at")
                ),
                name="conv_delivery_timed",
            ),
            # What was put off, by its reasons: the dashboard, and what admins filter by.
            models.Index(
                fields=["waiting_for"],
                condition=models.Q(state="queued") & ~models.Q(waiting_for=""),
                name="conv_delivery_put_off",
            ),
            # What is in hand, and for how long: the sweeper.
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state="handing_over"),
                name="conv_delivery_leased",
            ),
            # Delays that nothing has followed: delays.
            models.Index(
                fields=["tried_until"],
                condition=models.Q(state="delayed"),
                name="conv_delivery_delayed",
            ),
            # A team's open failures by cause, counted without reading the table.
            models.Index(
                fields=["team", *BY_CAUSE],
                condition=models.Q(
                    triage="open",
                    state__in=["failed", "bounced", "complained", "unconfirmed"],
                ),
                name="conv_delivery_cause",
            ),
            # How many a member has; a manager who views them asks by team as well. So
            # few different entries take a tenth of those by cause.
            models.Index(
                fields=["sender", "team"],
                condition=models.Q(
                    triage="open",
                    state__in=["failed", "bounced", "complained", "unconfirmed"],
                ),
                name="conv_open_sender",
            ),
            *LIST_INDEXES,
            # What a suppression stopped, to be sent again after its release.
            models.Index(
                fields=["suppression"],
                condition=models.Q(suppression__isnull=False),
                name="conv_delivery_stopped",
            ),
        ]
        constraints = [
            # A return path leads to one delivery, and a bounce finds it by this.
            models.UniqueConstraint(
                fields=["return_token"], name="conv_delivery_return_path"
            ),
            # A lease is held exactly while a worker has the delivery in hand.
            models.CheckConstraint(
                condition=models.Q(state="handing_over", lease_until__isnull=False)
                & ~models.Q(lease="")
                | ~models.Q(state="handing_over")
                & models.Q(lease="", lease_until=None),
                name="conv_delivery_lease_in_hand",
            ),
        ]

    def __str__(self) -> str:
        return self.recipient

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self._state.adding:
            self.copy_for_lists()
        super().save(*args, **kwargs)

    def copy_for_lists(self) -> None:
        self.subject = self.message.subject
        self.from_address = self.message.from_address
        self.channel_kind = self.channel.kind
        self.tracked = self.channel.traits.records_bounces

    @classmethod
    def rows(
        cls,
        new: Iterable[NewDelivery],
        channel: Channel,
        *,
        at: datetime,
        due: datetime,
    ) -> Rows:
        """What is queued now, and due then, by this channel."""
        return Rows.alike(
            cls,
            NewDelivery._fields,
            new,
            channel_id=channel.pk,
            channel_kind=channel.kind,
            tracked=channel.traits.records_bounces,
            state_since=at,
            not_before=due,
            created_at=at,
        )

    @property
    def why(self) -> Reason | None:
        return REASONS.get(self.reason)

    @property
    def advice(self) -> str:
        works = self.channel.is_working
        return self.why.advice_if(channel_works=works) if self.why else ""

    @property
    def traits(self) -> Traits:
        """Of its channel."""
        return transport_class(self.channel_kind).traits

    @property
    def left_at(self) -> datetime:
        """When it was accepted; until then, since when it is as it is."""
        return self.accepted_at or self.state_since

    @property
    def status(self) -> tuple[str, str]:
        """The state as (words, tone) of a badge."""
        if self.state == State.ACCEPTED:
            traits = self.traits
            return traits.accepted_label, "ok" if traits.records_bounces else "quiet"
        return STATUS[self.state]

    @property
    def wait(self) -> tuple[str, datetime | None] | None:
        """Why it waits and until when, if it is not simply about to go.

        Knows of limits and holds on rows fetched `with_hold`; no time is until an
        admin resumes it.
        """
        if self.state != State.QUEUED:
            return None
        if hold_words := getattr(self, "hold_words", None):
            ends: datetime = self.hold_ends  # type: ignore[attr-defined]
            endless = ends >= hold.OPEN_END
            # What may be over by the time that a person named is not waited for.
            may_be_over = endless or ends <= self.not_before
            if not (may_be_over and self.is_scheduled):
                return hold_words, None if endless else max(ends, self.not_before)
        held_until = getattr(self, "held_until", None)
        if self.waiting_for:
            return self.waiting_for, self.not_before
        if held_until and held_until > self.not_before:
            return f"Waits for {getattr(self, 'held_because', '')}", held_until
        if self.not_before > now():
            return SCHEDULED, self.not_before
        return None

    @property
    def given_up_at(self) -> datetime | None:
        """Until when it is tried at most, where that is known: their server tells of
        mail that it delays; and what was put off has its two days, unless its channel
        is down, whose limit is waited for however long."""
        if self.state == State.DELAYED:
            return self.tried_until
        waits = self.waiting_for
        if not (self.tried_since and waits and self.wait and self.wait[0] == waits):
            return None
        if waits.endswith(IS_DOWN):
            return None
        return max(self.tried_since + GIVE_UP_AFTER, self.not_before)

    @property
    def has_failed(self) -> bool:
        return self.state in FAILURES

    @property
    def needs_a_hand(self) -> bool:
        """Whether it is a failure that people have not done with."""
        return self.has_failed and self.triage in UNDONE

    @property
    def is_scheduled(self) -> bool:
        """Whether it waits for a time that a person named.

        Not only for an Undo, nor for the next try.
        """
        wait = timedelta(seconds=settings.UNDO_SECONDS)
        return not self.waiting_for and self.not_before > max(
            now(), self.created_at + wait
        )

    @property
    def in_progress(self) -> bool:
        return self.state in {State.QUEUED, State.HANDING_OVER}
