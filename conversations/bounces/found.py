"""What a reader found in a report about one recipient, not yet classified. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "bounce",
    "delay",
    "delivered",
    "relayed",  # to a server that makes no reports
    "complaint",
    "autoreply",
    "auth_report",
    "other",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    kind: Kind
    decided_by: str  # for people: 'Action: failed', 'text of qmail'
    recipient: str = ""
    words: str = ""  # the server's, about this recipient
    more_words: str = ""  # as good as those, from another place
    status: str = ""  # an enhanced status code
    remote_mta: str = ""
    reporting_mta: str = ""
    retry_until: str = ""  # of a delay: how long they go on trying, as they write it
