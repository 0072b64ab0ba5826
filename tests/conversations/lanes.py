"""A worker's first steps in a lane, one by one."""

from __future__ import annotations

from channels.models import Channel
from conversations.delivering import claim, look_ahead
from conversations.lease import Lease
from conversations.models import Delivery


def claim_due(
    channel: Channel, sender_id: int, lease: Lease | None = None
) -> list[Delivery]:
    """Look ahead and claim all that is due: it is being handed over."""
    batch = look_ahead(channel, sender_id)
    return claim(batch.deliveries, lease or Lease.new(), batch.read_at)
