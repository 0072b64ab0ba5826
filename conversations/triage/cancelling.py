"""Cancelling queued mail: it does not leave, and becomes a draft again."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from conversations.models import Delivery, Message
from conversations.triage.order import Order, Skipped
from conversations.writing.passing_on import pass_on
from conversations.writing.taking_back import take_back, take_back_some
from deliveryportal.accounts.models import User

BEGUN = "It has begun to leave: one of its recipients may have it."


def cancel(deliveries: list[Delivery], order: Order) -> Skipped:
    """Take back whole messages, each into the drafts of the user who wrote it.

    A writer who cannot sign in any more would never see it: then it goes into the drafts
    of whoever cancels.
    """
    forms: dict[tuple[User, UUID | None], dict[int, Message]] = defaultdict(dict)
    leaves = {each.message_id: each.not_before for each in deliveries}
    for each in deliveries:
        message = each.message
        forms[message.sender, message.submission][message.pk] = message
    for (sender, submission), messages in forms.items():
        chosen = list(messages.values())
        when = min(leaves[pk] for pk in messages)
        if submission is None:
            taken = [
                draft
                for each in chosen
                for draft in take_back(each, by=order.by).drafts
            ]
        else:
            taken = take_back_some(sender, submission, chosen, by=order.by)
        for draft in taken:
            if draft.owner == sender and not sender.is_active:
                pass_on(draft, order.by, when)
    left = Message.objects.filter(pk__in=[each.message_id for each in deliveries])
    begun = set(left.values_list("pk", flat=True))
    return {each.pk: BEGUN for each in deliveries if each.message_id in begun}
