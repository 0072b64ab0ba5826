"""Sending again mail that failed because of its channel, once that works, and mail that
a suppression stopped, once that is released.

It is retried in the background, as if somebody had chosen it in the list. Only mail in
the state `failed` is offered: never a bounce, never an unconfirmed one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from operator import or_

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Lower
from django.db.models.lookups import GreaterThanOrEqual
from django.urls import reverse
from django.utils.timezone import now

from channels.models import Channel
from conversations.models import BulkJob, Delivery, Message, Suppression
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.sought import Day, FourDays, Span
from conversations.models.state import UNDONE, State
from conversations.triage.actions import ACTIONS
from conversations.triage.beginning import begin_on
from conversations.triage.remedies import RETRY
from deliveryportal.accounts.models import User

LATELY = timedelta(days=30)  # nobody wants older mail to be sent again

CONNECTED_SINCE = Q(channel__connected_at__gt=F("state_since"))
# The reasons that are a channel's fault → whether mail that the channel accepted later
# for the same sender shows that it is mended. Connecting it again always shows that.
MENDED = {
    "channel_down": True,
    "channel_gone": False,
    "sender_refused": False,
    "sender_setup": False,
}


def resendable(user: User) -> DeliveryQuerySet:
    """Mail the user may see that failed because of its channel, and can be sent now."""
    failed = _can_go(user).filter(reason__in=MENDED)
    return failed.filter(CONNECTED_SINCE | _took_mail_since(failed))


def _took_mail_since(failed: DeliveryQuerySet) -> Q:
    """The condition that the lane had mail accepted later; queried once a lane."""
    told = [reason for reason, tells in MENDED.items() if tells]
    one_a_lane = (
        failed.filter(reason__in=told)
        .order_by()
        .values("channel", "sender")
        .annotate(one=Min("pk"))
        .values_list("one", flat=True)
    )
    lanes = Delivery.objects.filter(pk__in=list(one_a_lane)).annotate(
        last=Case(
            When(tracked=True, then=_last_taken(Day, tracked=True)),
            default=_last_taken(FourDays, tracked=False),
        )
    )
    # One CASE, not an OR of conditions, which PostgreSQL would plan one by one.
    lasts = [
        When(channel=channel, sender=sender, then=Value(last))
        for channel, sender, last in lanes.values_list("channel", "sender", "last")
        if last
    ]
    if not lasts:
        return Q(pk__in=[])
    return Q(reason__in=told, state_since__lt=Case(*lasts))


def _last_taken(span: type[Span], *, tracked: bool) -> Subquery:
    """When the lane last had mail accepted, by the coarse indexes of sent mail."""
    lately = now() - LATELY
    taken = (
        Delivery.objects.unarchived()
        .filter(
            GreaterThanOrEqual(span("state_since"), span(Value(lately))),
            sender=OuterRef("sender_id"),
            channel=OuterRef("channel_id"),
            state=State.ACCEPTED,
            tracked=tracked,
        )
        .order_by(span("state_since").desc(), "-state_since")
    )
    return Subquery(taken.values("state_since")[:1])


def stopped_by(suppression: Suppression, user: User) -> DeliveryQuerySet:
    """Mail that a suppression stopped, and that can be sent since its release."""
    return _can_go(user).filter(
        suppression=suppression, suppression__released_at__isnull=False
    )


def _sent_again() -> QuerySet[Message]:
    """Resends of the outer delivery's message, except to another of its recipients.

    As `sending_again.has_been_sent_again`.
    """
    to_another = Delivery.objects.filter(
        message=OuterRef("resend_of"),
        recipient__iexact=OuterRef("conversation__person_address"),
    ).exclude(pk=OuterRef(OuterRef("pk")))
    return Message.objects.filter(resend_of=OuterRef("message")).exclude(
        Exists(to_another)
    )


def _stopped(user: User) -> Q:
    """The condition that a suppression stops mail to the delivery's address or domain.

    Queried first for which domains the team has blocked: few, unlike addresses.
    """
    address = Suppression.objects.active().filter(
        address=Lower(OuterRef("recipient_wire")), team=OuterRef("team")
    )
    blocked = Suppression.objects.of_team(user).active().domains()
    return reduce(or_, (each.stops for each in blocked), Q(Exists(address)))


def _can_go(user: User) -> DeliveryQuerySet:
    """Failed mail that would not fail now because of channel, identity or sender.

    And that has not been sent again.
    """
    still_there = User.objects.filter(
        pk=OuterRef("sender"), team=OuterRef("team"), is_active=True
    )
    return (
        Delivery.objects.visible_to(user)
        .unarchived()
        .filter(
            Exists(still_there),
            state=State.FAILED,
            triage__in=UNDONE,  # what people have done with stays so
            state_since__gt=now() - LATELY,
            channel__health=Channel.Health.WORKING,
            channel__disconnected_at=None,
            # Its identity still exists and is verified.
            message__identity__verified_at__isnull=False,
        )
        .exclude(Exists(_sent_again()))
        .exclude(_stopped(user))
    )


@dataclass(frozen=True, slots=True)
class Offer:
    """That `number` failed mails can be sent again by `channel`."""

    channel: Channel
    number: int

    @property
    def url(self) -> str:
        return resend_url(self.channel)


def resend_url(channel: Channel) -> str:
    return reverse("conversations:resend", args=[channel.uuid])


def offers_for(user: User) -> list[Offer]:
    numbers = dict(
        resendable(user)
        .order_by()
        .values("channel")
        .annotate(number=Count("pk"))
        .values_list("channel", "number")
    )
    channels = Channel.objects.filter(pk__in=numbers).select_related("owner")
    return [Offer(channel, numbers[channel.pk]) for channel in channels.order_by("pk")]


def resend(channel: Channel, *, by: User) -> BulkJob | None:
    """Send again by the channel what failed because of it; None if there is nothing.

    Idempotent: mail that has been sent again is not sent once more.
    """
    failed = resendable(by).filter(channel=channel)
    return _retry(failed, by, channel=str(channel.uuid))


def resend_stopped(suppression: Suppression, *, by: User) -> BulkJob | None:
    """Send again what the suppression stopped, as `resend` does."""
    return _retry(stopped_by(suppression, by), by)


def _retry(failed: DeliveryQuerySet, by: User, **told: str) -> BulkJob | None:
    """Begin to; what is `told` stands in the audit log with it."""
    oldest_first = failed.order_by("state_since", "pk")
    found = list(oldest_first.values_list("pk", "recipient"))
    return begin_on(ACTIONS[RETRY], found, by=by, options=told) if found else None
