"""What becomes of a person's scheduled mail when their access is closed."""

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
    """What Pending › Scheduled shows of theirs. What is under way already goes on."""
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
    """Make it a draft of the heir: under their name it leaves when they say so."""
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
    if taken.draft is None:
        return  # a worker was quicker: it is leaving
    draft = taken.draft
    draft.owner = heir
    draft.identity = None  # theirs is nobody's to write as: the heir's default
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
