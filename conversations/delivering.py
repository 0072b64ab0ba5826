from __future__ import annotations


def deliver_lane(channel_id: int, sender_id: int) -> bool: ...
