from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import StrIndex, Substr
from django.db.models.lookups import Exact
from django.utils.functional import cached_property
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
from conversations.models.event import DeliveryEvent
from conversations.models.list_indexes import IS_OPEN, LIST_INDEXES
from conversations.models.state import (
    FAILURES,
    IN_PROGRESS,
    IS_DOWN,
    SCHEDULED,
    STATUS,
    UNDONE,
    Part,
    State,
    Triage,
)
from conversations.sending.retry_policy import GIVE_UP_AFTER, STOOD_STILL, TRIES


def _whether(condition: models.Q) -> models.ExpressionWrapper[models.Q]:
    return models.ExpressionWrapper(condition, models.BooleanField())


IN_HAND = _whether(models.Q(state="handing_over"))
BY_CAUSE = ("cause", "state_since")  # the order of a team's open failures


class NewDelivery(NamedTuple):
    """The fields in which deliveries that are written together differ."""

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

    The state changes only by UPDATEs that name the state they expect, or under a row
    lock, in `delivering`, `sending`, `sweeping`, `failing_unsent`, `bounces.recording`
    and `triage.settling`. Each change writes a `DeliveryEvent`, except claiming a
    delivery and putting it back untried. Sender and team are the message's, repeated
    here because lanes and lists filter by them; other fields that lists filter by are
    copied from message and channel when the delivery is made.
    """

    State = State
    Triage = Triage

    Part = Part

    listed_by = "state_since"

    # Version 7, ordered by time like the return token: each change of a row makes new
    # index entries, and those of mail sent together then lie side by side.
    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    message = models.ForeignKey(
        "conversations.Message", on_delete=models.CASCADE, related_name="deliveries"
    )
    recipient = models.CharField(max_length=254)  # as people write it, for display
    recipient_wire = models.CharField(max_length=254)  # domain in A-labels
    recipient_name = models.CharField(max_length=200, blank=True)
    # The domain that may ask us to slow down; computed by the database.
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
        db_index=False,  # most have the same channel; queued mail has its own index
    )
    # No indexes: the small partial indexes of the lists find a member's or a team's
    # deliveries (see `in_lists`), and one over all rows would be written with every
    # change. No constraints: the message's own check that sender and team exist.
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
    # Copies for the lists; `Message.save` updates subject and address.
    subject = models.CharField(max_length=500, blank=True, editable=False)
    from_address = models.EmailField(blank=True, editable=False)
    channel_kind = models.CharField(max_length=30, blank=True, editable=False)
    tracked = models.BooleanField(default=False, editable=False)  # bounces come back
    # The secret in the envelope sender that a bounce comes back to; see
    # channels.return_path.
    return_token = models.CharField(max_length=32, default=new_token, editable=False)

    state = models.CharField(max_length=12, choices=State, default=State.QUEUED)
    state_since = models.DateTimeField(default=now)
    not_before = models.DateTimeField(default=now)
    waiting_for = models.CharField(max_length=300, blank=True)
    attempts = models.SmallIntegerField(default=0)
    # When it was first tried, or another in its place, since it last waited for a limit
    # or a broken channel: the two days of retries do not run meanwhile. `next_due` leaves
    # it out when it has stood still.
    tried_since = models.DateTimeField(null=True, blank=True, editable=False)
    lease = models.CharField(max_length=32, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)

    # While it is delayed: until when to expect news of their server (sending.delays).
    tried_until = models.DateTimeField(null=True, blank=True, editable=False)

    # Why it did not arrive: a key of REASONS.
    reason = models.CharField(max_length=30, blank=True)
    # The key that failures are grouped by; NULL without a reason.
    cause = models.GeneratedField(
        expression=CAUSE,
        output_field=models.CharField(max_length=300, null=True),
        db_persist=True,
    )
    triage = models.CharField(max_length=8, choices=Triage, default=Triage.OPEN)
    # Who looks after the failure. No index: its lists are found by `triage`.
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
    # The suppression that stopped it here: of the address, or a block of its domain.
    suppression = models.ForeignKey(
        "conversations.Suppression",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="stopped",
        db_index=False,  # the partial index below is smaller
    )
    # The provider's ids of the message and its thread, if it returns any.
    remote_id = models.CharField(max_length=255, blank=True, editable=False)
    remote_thread = models.CharField(max_length=255, blank=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Set if a person archived it: it is then under Sent › Archived, whatever its state.
    archived_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            # A lane's next batch in order: nothing that is not due is read, nothing is
            # sorted. And for `sweeping`, which lanes have due mail.
            models.Index(
                fields=["channel", "sender", "not_before", "id"],
                condition=models.Q(state="queued"),
                name="conv_delivery_due",
            ),
            # The next delivery due at a later time than its creation: the sweeper wakes
            # up for it.
            models.Index(
                fields=["not_before"],
                condition=models.Q(
                    state="queued", not_before__gt=models.F("created_at")
                ),
                name="conv_delivery_timed",
            ),
            # Mail put off, by reason: for the dashboard and the filters of the admin.
            models.Index(
                fields=["waiting_for"],
                condition=models.Q(state="queued") & ~models.Q(waiting_for=""),
                name="conv_delivery_put_off",
            ),
            # Mail in a worker's hands, by the end of its lease: for the sweeper.
            models.Index(
                fields=["lease_until"],
                condition=models.Q(state="handing_over"),
                name="conv_delivery_leased",
            ),
            # Delays of which nothing more was heard: for `sending.delays`.
            models.Index(
                fields=["tried_until"],
                condition=models.Q(state="delayed"),
                name="conv_delivery_delayed",
            ),
            # A team's open failures by cause, counted without reading the table.
            models.Index(
                fields=["team", *BY_CAUSE],
                condition=IS_OPEN,
                name="conv_delivery_cause",
            ),
            # How many open failures a member has; a manager's view filters by team as
            # well. With so few distinct keys it takes a tenth of the index by cause.
            models.Index(
                fields=["sender", "team"],
                condition=IS_OPEN,
                name="conv_open_sender",
            ),
            *LIST_INDEXES,
            # Mail that a suppression stopped, to be sent again after its release.
            models.Index(
                fields=["suppression"],
                condition=models.Q(suppression__isnull=False),
                name="conv_delivery_stopped",
            ),
        ]
        constraints = [
            # A return path leads to one delivery; a bounce finds it by this index.
            models.UniqueConstraint(
                fields=["return_token"], name="conv_delivery_return_path"
            ),
            # A lease is held exactly while a worker has the delivery in hand. Said like
            # this, PostgreSQL has half as much to parse at each INSERT.
            models.CheckConstraint(
                condition=models.Q(Exact(IN_HAND, _whether(~models.Q(lease=""))))
                & models.Q(
                    Exact(IN_HAND, _whether(models.Q(lease_until__isnull=False)))
                ),
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
        """Rows of deliveries queued at `at` for this channel, to leave at `due`."""
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
        """The traits of its channel's kind."""
        return transport_class(self.channel_kind).traits

    @property
    def left_at(self) -> datetime:
        """When it was accepted; if it was not, since when it is in its state."""
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
        """Why it waits and until when; None if it is about to go.

        Limits and holds are known only of rows fetched `with_hold`. A time of None
        means: until an admin resumes it.
        """
        if self.state != State.QUEUED:
            return None
        if hold_words := getattr(self, "hold_words", None):
            ends: datetime = self.hold_ends  # type: ignore[attr-defined]
            endless = ends >= hold.OPEN_END
            # A hold that may end before the scheduled time is not what it waits for.
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
        """Until when it is tried at most; None if that is not known.

        Of delayed mail: until when their server tries. Of mail put off: two days from
        the first try, but None if its channel is down, which may be for a limit, and
        that is waited for however long; and None if it stands still (see
        `retry_policy`).
        """
        if self.state == State.DELAYED:
            return self.tried_until
        waits = self.waiting_for
        if not (self.tried_since and waits and self.wait and self.wait[0] == waits):
            return None
        stands_still = self.not_before < now() - STOOD_STILL and self.attempts < TRIES
        if waits.endswith(IS_DOWN) or stands_still:
            return None
        return max(self.tried_since + GIVE_UP_AFTER, self.not_before)

    @property
    def has_failed(self) -> bool:
        return self.state in FAILURES

    @cached_property
    def was_confirmed(self) -> bool:
        """Whether a report confirmed that it arrived. Of many: see `with_confirmed`."""
        return any(
            each.kind == DeliveryEvent.Kind.DELIVERED for each in self.events.all()
        )

    @property
    def needs_a_hand(self) -> bool:
        """Whether it is a failure whose triage is open or waiting."""
        return self.has_failed and self.triage in UNDONE

    @property
    def is_scheduled(self) -> bool:
        """Whether it waits for a time that a person named.

        Waiting for Undo to lapse, or for the next try, does not count.
        """
        wait = timedelta(seconds=settings.UNDO_SECONDS)
        return not self.waiting_for and self.not_before > max(
            now(), self.created_at + wait
        )

    @property
    def in_progress(self) -> bool:
        return self.state in IN_PROGRESS
