"""A worker waits long for a far end, and has come back from it.

Sent with `holder`, which names the session; see far_ends. Known before any model is, so
that whoever arranges the workers can listen.
"""

from __future__ import annotations

from django.dispatch import Signal

kept_waiting, came_back = Signal(), Signal()
