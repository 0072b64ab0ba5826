from __future__ import annotations

from channels.models.channel import Channel
from channels.models.choice import ChannelChoice
from channels.models.identity import EmailIdentity

__all__ = ["Channel", "ChannelChoice", "EmailIdentity"]
