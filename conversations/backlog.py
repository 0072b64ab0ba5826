from __future__ import annotations

from typing import Any

from django.db.models import Count, Max, Min
from django.dispatch import receiver
from django.utils.timezone import now

from channels.backlog import Backlog, backlog_asked
from channels.models import Channel
from conversations.models import Delivery
from conversations.models.state import State
from conversations.resending import resend_url, resendable
from deliveryportal.accounts.models import User


@receiver(backlog_asked)
def say_what_stands_behind(channel: Channel, user: User, **kwargs: Any) -> Backlog:
    """Count the user's mail that waits for its turn or for the channel, not for its time."""
    lane = Delivery.objects.filter(channel=channel, sender=user, state=State.QUEUED)
    waiting = lane.exclude(waiting_for="", not_before__gt=now()).aggregate(
        waiting=Count("pk"), first=Min("not_before"), last=Max("not_before")
    )
    return Backlog(
        **waiting,
        failed=resendable(user).filter(channel=channel).count(),
        resend_url=resend_url(channel),
    )
