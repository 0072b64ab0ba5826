from __future__ import annotations

import logging
from threading import Event

from django.conf import settings
from django.db import DatabaseError, close_old_connections

from conversations.sweeping import sweep

logger = logging.getLogger(__name__)


def sweep_until(stop: Event) -> None:
    """Sweep every SWEEP_SECONDS until `stop` is set; outlive the database."""
    while not stop.is_set():
        close_old_connections()
        try:
            swept = sweep()
        except DatabaseError as error:
            logger.error("This sweep failed, the next may not: %r", str(error))
        else:
            if swept.resumed or swept.unconfirmed:
                logger.warning("%s", swept)
        close_old_connections()
        stop.wait(settings.SWEEP_SECONDS)
