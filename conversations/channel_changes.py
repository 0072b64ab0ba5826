"""What happens to mail that waits for a channel when that is mended or disconnected."""

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
    """Let mail that was put off leave at once, not at its next try.

    Its two days of trying begin anew: it has waited for a person.
    """
    waiting = Delivery.objects.filter(channel=channel, state=State.QUEUED)
    put_off = waiting.exclude(tried_since=None, waiting_for="").order_by("pk")
    # In the order of all who lock several: so none of them has what another waits for.
    list(put_off.select_for_update(no_key=True).values_list("pk"))
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
    """Mail does not disappear: what cannot leave any more is in Failed deliveries."""
    fail_without_channel(Delivery.objects.filter(channel=channel))
