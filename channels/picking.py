from __future__ import annotations

from django.db import transaction

from channels.models import Channel, ChannelChoice
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User


@transaction.atomic
def pick(user: User, channel: Channel) -> None:
    """Let the user's mail leave by `channel` from now on; what is queued stays."""
    ChannelChoice.objects.update_or_create(user=user, defaults={"channel": channel})
    record(Area.SETTINGS, "Chose the delivery channel", channel, by=user)
