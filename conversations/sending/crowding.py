"""Whether something that this process has taken from the queue waits for a thread.

The queue gives out more than there are threads, so that none has to wait for the network.
Whoever stays with one host keeps what is waiting from all others, however idle they are.
"""

from __future__ import annotations

from queue import Queue
from typing import Any

# What each of the process's workers, mostly one, has taken and not begun.
taken: list[Queue[Any]] = []


def somebody_waits() -> bool:
    return not all(each.empty() for each in taken)
