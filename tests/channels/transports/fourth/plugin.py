"""For a run of pytest with a fourth transport: `-p tests.channels.transports.fourth.plugin`."""

from __future__ import annotations

import os

from tests.channels.transports.fourth import place

_placed = place(far_end=os.environ.get("FAR_END") == "there")
_placed.__enter__()
