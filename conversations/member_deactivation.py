"""What becomes of a member's scheduled and stuck mail when they are deactivated."""

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
    """The member's mail in Pending › Scheduled, and what waits for their broken channel.

    Nobody else can mend that. Other mail that was tried already still leaves.
    """
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
    """Make it a draft of the heir, who decides whether it leaves, under their name."""
    if not Message.objects.filter(pk=message.pk).exists():
        return  # it was taken back together with another message of its form
    when = message.deliveries.order_by("not_before").values_list(
        "not_before", flat=True
    )[0]
    taken = (
        take_back_all(message.sender, message.submission, by=by)
        if message.submission
        else take_back(message, by=by)
    )
    for draft in taken.drafts:  # none if a worker was quicker: the message is leaving
        pass_on(draft, heir, when)
