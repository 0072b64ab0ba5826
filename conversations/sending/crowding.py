"""Whether work that this process has taken from the queue waits for a thread.

A worker takes more from the queue than it has threads, so that no thread waits for the
network. What it has taken, no other process can do, however idle: so a thread should
not stay with one host for long while something waits here.
"""

from __future__ import annotations

from queue import Queue
from typing import Any

# For each dramatiq worker of this process, usually one: what it took and has not begun.
taken: list[Queue[Any]] = []


def somebody_waits() -> bool:
    return not all(each.empty() for each in taken)
