"""The lines that this process has open to far ends, so that it can hang up on all.

A far end that says nothing keeps its thread for minutes, as RFC 5321, 4.5.3.2 wants
it to; a process that has been asked to stop cannot wait for so long.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

_lock = threading.Lock()
_open: set[Line | Waiting] = set()
_hung_up = False


class Line:
    """A connection, made or still being made; `close` it before or after the socket.

    It has a descriptor of its own: a socket gives its up when TLS is wrapped around it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = socket.socket(fileno=os.dup(sock.fileno()))
        with _lock:
            _open.add(self)
            if _hung_up:
                self._end()

    def close(self) -> None:
        with _lock:
            _open.discard(self)
            self._sock.close()

    def _end(self) -> None:
        """Shut it down: a thread that waits for the other side wakes up at once."""
        with suppress(OSError):  # the other side was quicker
            self._sock.shutdown(socket.SHUT_RDWR)


class Waiting:
    """A wait for something that is no connection; `end` is called to end it early."""

    def __init__(self, end: Callable[[], None]) -> None:
        self._end = end

    def __enter__(self) -> None:
        with _lock:
            _open.add(self)
            if _hung_up:
                self._end()

    def __exit__(self, *failure: object) -> None:
        with _lock:
            _open.discard(self)


def hang_up() -> None:
    """End all that is open, and whatever is opened, until `pick_up`."""
    global _hung_up  # noqa: PLW0603 - it is the process that hangs up
    with _lock:
        _hung_up = True
        for line in _open:
            line._end()


def pick_up() -> None:
    global _hung_up  # noqa: PLW0603
    _hung_up = False


def has_hung_up() -> bool:
    return _hung_up
