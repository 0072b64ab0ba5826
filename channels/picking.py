from __future__ import annotations

from channels.models import Channel, ChannelChoice
from deliveryportal.accounts.models import User


def pick(user: User, channel: Channel) -> None:
    """Let the user's mail leave by `channel` from now on; what is queued stays."""
    ChannelChoice.objects.update_or_create(user=user, defaults={"channel": channel})
