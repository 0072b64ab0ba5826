"""What a channel's mending or leaving means for the mail that waits for it."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils.timezone import now

from channels.disconnecting import disconnected, waiting_asked
from channels.models import Channel
from channels.pausing import mended
from conversations.failing_unsent import fail_without_channel, not_begun
from conversations.models import Delivery
from conversations.models.state import State
from conversations.sending.turns import LaneId
from conversations.tasks import announce_lanes


@receiver(mended)
def send_what_waited(channel: Channel, **kwargs: Any) -> None:
    """Let waiting mail go at once, not when its next try would have come.

    What was tried before is tried for two days again: it has waited for a person.
    """
    waiting = Delivery.objects.filter(channel=channel, state=State.QUEUED)
    waiting.exclude(tried_since=None).update(tried_since=None)
    waiting.exclude(waiting_for="").update(not_before=now(), waiting_for="")
    senders = set(waiting.values_list("sender_id", flat=True))

    lanes = [LaneId(channel.pk, sender_id) for sender_id in senders]
    transaction.on_commit(partial(announce_lanes, lanes))


@receiver(waiting_asked)
def count_what_waits(channel: Channel, **kwargs: Any) -> int:
    return not_begun(Delivery.objects.filter(channel=channel)).count()


@receiver(disconnected)
def fail_what_waited(channel: Channel, **kwargs: Any) -> None:
    """Nothing disappears: what cannot leave any more stands under Failed deliveries."""
    fail_without_channel(Delivery.objects.filter(channel=channel))
