from __future__ import annotations

from channels.models.allowance import Allowance, SendingLimit, pace_of
from channels.models.channel import Channel
from channels.models.choice import ChannelChoice
from channels.models.connection_test import ConnectionTest
from channels.models.far_end import FarEndSession
from channels.models.identity import EmailIdentity
from channels.models.verification_mail import VerificationMail

__all__ = [
    "Allowance",
    "Channel",
    "ChannelChoice",
    "ConnectionTest",
    "EmailIdentity",
    "FarEndSession",
    "SendingLimit",
    "VerificationMail",
    "pace_of",
]
