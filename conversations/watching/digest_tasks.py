from __future__ import annotations

from datetime import datetime
from itertools import takewhile

import dramatiq

from channels.announcing import announce
from conversations.watching.digesting import make_due, send, taken_to_announce


@dramatiq.actor(queue_name="digests")
def send_digest(digest_id: int) -> None:
    """Mail one manager the digest of this morning."""
    send(digest_id)


def announce_digests(at: datetime) -> int:
    """Make this morning's rows and announce those that are due; return how many."""
    make_due(at)
    due = taken_to_announce(at)
    return sum(takewhile(bool, (announce(send_digest, pk) for pk in due)))
