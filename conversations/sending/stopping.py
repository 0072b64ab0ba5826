"""Set when this process has been asked to stop.

Long work looks at it between two mails, so that a stop finishes what is in hand and
begins nothing new.
"""

from __future__ import annotations

import threading

stopping = threading.Event()
