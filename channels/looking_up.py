"""Looking up a name, for no longer than whoever asks is willing to wait.

The system's resolver cannot be interrupted, and takes half a minute or more where
its name servers are silent. So it is asked in a thread of its own, which nobody waits
for once the time is over or the process hangs up.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

from channels.lines import Waiting, has_hung_up

Target = tuple[Any, Any, int, str, Any]  # as getaddrinfo names it


def look_up(host: str, port: int, *, within: float) -> list[Target]:
    """Return what to connect to, of each address of `host`.

    Raises an OSError: socket.gaierror if there is none, TimeoutError after `within`
    seconds, ConnectionAbortedError at once when the process hangs up.
    """
    try:  # a number needs no name server
        return _targets(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        question = _Question(host, port)
    with Waiting(question.answered.set):
        question.start()
        answered = question.answered.wait(within)
    if has_hung_up():
        raise ConnectionAbortedError
    if not answered:
        raise TimeoutError
    if question.failure:
        raise question.failure
    return question.found


def numbers_of(host: str, port: int, *, within: float) -> list[str]:
    """Likewise, every address of `host` by its number."""
    found = look_up(host, port, within=within)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _targets(host: str, port: int, flags: int = 0) -> list[Target]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags))


class _Question(threading.Thread):
    def __init__(self, host: str, port: int) -> None:
        super().__init__(name=f"look up {host}", daemon=True)
        self._asked = host, port
        self.answered = threading.Event()
        self.found: list[Target] = []
        self.failure: OSError | UnicodeError | None = None

    def run(self) -> None:
        try:
            self.found = _targets(*self._asked)
        except (OSError, UnicodeError) as error:
            self.failure = error
        self.answered.set()
