"""What a channel's mending or leaving means for the mail that waits for it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.dispatch import receiver
from django.utils.timezone import now

from channels.announcing import announce
from channels.connecting import mended
from channels.disconnecting import disconnected
from channels.models import Channel
from conversations.cancelling import cancel_without_channel
from conversations.models import Delivery
from conversations.models.delivery import State
from conversations.tasks import work_lane


@receiver(mended)
def send_what_waited(channel: Channel, **kwargs: Any) -> None:
    """Let waiting mail go at once, not when its next try would have come."""
    waiting = Delivery.objects.filter(channel=channel, state=State.QUEUED)
    waiting.exclude(waiting_for="").update(not_before=now(), waiting_for="")
    senders = set(waiting.values_list("sender_id", flat=True))

    def tell() -> None:
        for sender_id in senders:
            announce(work_lane, channel.pk, sender_id)

    transaction.on_commit(tell)


@receiver(disconnected)
def fail_what_waited(channel: Channel, **kwargs: Any) -> None:
    """Nothing disappears: what cannot leave any more stands under Failed deliveries."""
    cancel_without_channel(Delivery.objects.filter(channel=channel))
