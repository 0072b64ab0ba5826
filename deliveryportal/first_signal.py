"""A worker that is asked twice to stop shall not stop harder.

A service manager asks every process of the service, and dramatiq's main process asks
its workers once more; these would take the second word for "at once", and leave the
mail in hand unconfirmed.
"""

from __future__ import annotations

import signal
from types import FrameType


def heed_only_the_first(number: signal.Signals) -> None:
    """Let the signal's present handler, if it has one, be called once."""
    handler = signal.getsignal(number)
    if not callable(handler):
        return

    def first(received: int, frame: FrameType | None) -> None:
        signal.signal(received, signal.SIG_IGN)
        handler(received, frame)

    signal.signal(number, first)
