from __future__ import annotations

from conversations.models import Delivery
from conversations.triage.order import Order, Skipped
from conversations.triage.sending_again import send_again


def retry(deliveries: list[Delivery], order: Order) -> Skipped:
    """Send again by the same channel."""
    return send_again(deliveries, order, lambda delivery: delivery.channel)
