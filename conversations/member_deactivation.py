"""What becomes of a member's scheduled mail when they are deactivated."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from conversations.failing_unsent import fail_unsent
from conversations.lists.folders import scheduled
from conversations.models import Attachment, Delivery, Message
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.writing.taking_back import take_back, take_back_all
from deliveryportal.accounts.deactivating import deactivated, scheduled_asked
from deliveryportal.accounts.models import User


def scheduled_of(member: User) -> DeliveryQuerySet:
    """The member's mail in Pending › Scheduled; mail already tried still leaves."""
    return Delivery.objects.unarchived().filter(scheduled(), sender=member, attempts=0)


@receiver(scheduled_asked)
def count(member: User, **kwargs: Any) -> int:
    return scheduled_of(member).values("message").distinct().count()


@receiver(deactivated)
def pass_on_or_fail(member: User, heir: User | None, by: User, **kwargs: Any) -> None:
    if heir is None:
        fail_unsent(
            scheduled_of(member),
            f"{member} was deactivated by {by} before this could leave. Nothing was "
            "sent.",
        )
        return
    messages = Message.objects.filter(deliveries__in=scheduled_of(member)).distinct()
    for message in messages.order_by("pk"):
        give_as_draft(message, heir, by=by)


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
    if taken.draft is None:
        return  # a worker was quicker: the message is leaving
    draft = taken.draft
    draft.owner = heir
    draft.identity = None  # nobody may use the member's: the heir's default applies
    draft.send_at = f"{when.astimezone(heir.zone):%Y-%m-%dT%H:%M}"
    draft.save()
    draft.attachments.set([_of(heir, each) for each in draft.attachments.all()])


def _of(heir: User, file: Attachment) -> Attachment:
    own, _ = Attachment.objects.get_or_create(
        owner=heir,
        digest=file.digest,
        name=file.name,
        defaults={
            "content_type": file.content_type,
            "size": file.size,
            "content": file.content,
        },
    )
    return own
