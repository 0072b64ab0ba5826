"""Cancelling queued mail: it does not leave, and becomes a draft again."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from conversations.models import Delivery, Message
from conversations.triage.order import Order, Skipped
from conversations.writing.taking_back import take_back, take_back_some
from deliveryportal.accounts.models import User

BEGUN = "It has begun to leave: one of its recipients may have it."


def cancel(deliveries: list[Delivery], order: Order) -> Skipped:
    """Take back whole messages, each into the drafts of the user who wrote it."""
    forms: dict[tuple[User, UUID | None], dict[int, Message]] = defaultdict(dict)
    for each in deliveries:
        message = each.message
        forms[message.sender, message.submission][message.pk] = message
    for (sender, submission), messages in forms.items():
        if submission is None:
            for message in messages.values():
                take_back(message, by=order.by)
        else:
            chosen = list(messages.values())
            take_back_some(sender, submission, chosen, by=order.by)
    left = Message.objects.filter(pk__in=[each.message_id for each in deliveries])
    begun = set(left.values_list("pk", flat=True))
    return {each.pk: BEGUN for each in deliveries if each.message_id in begun}
