"""Python's garbage collector in the processes that live for long."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Look for garbage less often; to be called once everything is loaded.

    What is loaded by then stays: looking through it again and again would hold up one
    page in thirty for a tenth of a second. A list of 50 rows, or a batch of mail, makes
    some thousands of objects: they are looked at once, not ten times.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
