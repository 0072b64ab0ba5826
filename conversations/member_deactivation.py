"""What becomes of a person's mail that waits for them when their access is closed."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from channels.models import Channel
from conversations.failing_unsent import fail_unsent
from conversations.lists.folders import scheduled
from conversations.models import Delivery, Message
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.models.state import State
from conversations.writing.passing_on import pass_on
from conversations.writing.taking_back import take_back, take_back_all
from deliveryportal.accounts.deactivating import deactivated, scheduled_asked
from deliveryportal.accounts.models import User


def left_by(member: User) -> DeliveryQuerySet:
    """What Pending › Scheduled shows of theirs, and what is stuck behind a channel of
    theirs, which nobody else can mend. What is under way already goes on."""
    at_a_time = scheduled() & Q(attempts=0)
    return Delivery.objects.unarchived().filter(
        at_a_time | _stuck(member), sender=member
    )


def _stuck(member: User) -> Q:
    broken = Channel.objects.filter(owner=member, health=Channel.Health.PAUSED)
    return Q(state=State.QUEUED, channel__in=broken.values("pk"))


@receiver(scheduled_asked)
def count(member: User, **kwargs: Any) -> int:
    return left_by(member).values("message").distinct().count()


@receiver(deactivated)
def pass_on_or_fail(member: User, heir: User | None, by: User, **kwargs: Any) -> None:
    if heir:
        messages = Message.objects.filter(deliveries__in=left_by(member)).distinct()
        for message in messages.order_by("pk"):
            give_as_draft(message, heir, by=by)
    # Of what has left for some of its recipients there is no draft: the rest is stuck.
    rest = Delivery.objects.unarchived().filter(_stuck(member), sender=member)
    fail_unsent(
        rest if heir else left_by(member),
        f"{member} was deactivated by {by} before this could leave. Nothing was sent.",
    )


def give_as_draft(message: Message, heir: User, *, by: User) -> None:
    """Make it a draft of the heir."""
    if not Message.objects.filter(pk=message.pk).exists():
        return  # taken back together with another one of its form
    when = message.deliveries.order_by("not_before").values_list(
        "not_before", flat=True
    )[0]
    taken = (
        take_back_all(message.sender, message.submission, by=by)
        if message.submission
        else take_back(message, by=by)
    )
    if taken.draft:  # else a worker was quicker: it is leaving
        pass_on(taken.draft, heir, when)
