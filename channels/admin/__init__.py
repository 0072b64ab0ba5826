from __future__ import annotations

from channels.admin.channel import ChannelAdmin
from channels.admin.choice import ChannelChoiceAdmin
from channels.admin.identity import EmailIdentityAdmin

__all__ = ["ChannelAdmin", "ChannelChoiceAdmin", "EmailIdentityAdmin"]
