"""Signals: a far end keeps a worker waiting, and the worker has come back.

Sent with `holder`, which names the session; see far_ends. They stand apart from it, and
import no models, so that the broker's middleware can listen before Django is ready.
"""

from __future__ import annotations

from django.dispatch import Signal

kept_waiting, came_back = Signal(), Signal()
