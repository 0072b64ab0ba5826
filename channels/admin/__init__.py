from __future__ import annotations

from channels.admin.allowance import AllowanceAdmin, SendingLimitAdmin
from channels.admin.channel import ChannelAdmin
from channels.admin.choice import ChannelChoiceAdmin
from channels.admin.connection_test import ConnectionTestAdmin
from channels.admin.far_end import FarEndSessionAdmin
from channels.admin.identity import EmailIdentityAdmin
from channels.admin.social import HIDDEN
from channels.admin.verification_mail import VerificationMailAdmin

__all__ = [
    "HIDDEN",
    "AllowanceAdmin",
    "ChannelAdmin",
    "ChannelChoiceAdmin",
    "ConnectionTestAdmin",
    "EmailIdentityAdmin",
    "FarEndSessionAdmin",
    "SendingLimitAdmin",
    "VerificationMailAdmin",
]
