from __future__ import annotations

import logging

from dramatiq import Actor

logger = logging.getLogger(__name__)


def announce(actor: Actor[..., None], *ids: int) -> bool:
    """Tell the workers that there is work; return whether the queue took it.

    A queue that is away costs time and nothing else: the rows are committed, and
    the sweeper announces them again.
    """
    try:
        actor.send(*ids)
    except Exception as error:
        logger.error("The queue did not take %s%r: %r", actor.actor_name, ids, error)
        return False
    return True
