"""smtplib's client, made safe against a server that never comes to an end.

smtplib's time limit begins anew with each byte and its replies have no last line: a
server that drips, or that goes on and on, would hold a worker for days or fill its
memory.
"""

from __future__ import annotations

import io
import math
import smtplib
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from channels.lines import Line

MAX_REPLY = 64 * 1024  # bytes
MAX_LINE = 8192  # bytes of one; RFC 5321 allows 512
PIECE = 64 * 1024  # bytes written at a time
TOLERANCE = 1.02  # by which a time limit may be longer


class EndlessReplyError(smtplib.SMTPException):
    """A reply was longer than MAX_REPLY."""


class SmtpClient(smtplib.SMTP):
    """Speaks over `sock`; each reply and each write must be whole within `timeout`,
    or the time that is named with it, in seconds.

    What breaks in between is raised as what it was, a TimeoutError say, and not as
    smtplib's SMTPServerDisconnected.
    """

    timeout: float
    ends = math.inf  # by the monotonic clock: after it nothing is waited for
    unsent = 0  # bytes of the latest `send` that certainly have not gone

    def __init__(
        self,
        sock: socket.socket,
        *,
        host: str,
        helo: str,
        timeout: float,
        stays_plain: bool,  # it will never be encrypted
    ) -> None:
        super().__init__(local_hostname=helo, timeout=timeout)
        self._host = host  # what a certificate must be for
        self.sock = sock
        self._line = Line(sock)
        self._limit: Limit = _BySystem() if stays_plain else _by_python
        if stays_plain:
            sock.settimeout(None)

    def getreply(self, within: float | None = None) -> tuple[int, bytes]:
        """Return the code and the words of the next reply; -1 is no code at all.

        Like smtplib's, in half its time: four replies come with every message.
        """
        if self.file is None:
            assert self.sock is not None
            self.file = io.BufferedReader(_Replies(self.sock, self._limit))
        self.file.raw.begin(self._deadline(within))
        words = []
        while True:
            line = self._read_line()
            code, more = line[:3], line[3:4] == b"-"
            words.append(line[4:].strip(b" \t\r\n"))
            if not code.isdigit():
                return -1, b"\n".join(words)
            if not more:
                return int(code), b"\n".join(words)

    def _read_line(self) -> bytes:
        assert self.file is not None
        try:
            line: bytes = self.file.readline(MAX_LINE + 1)
        except OSError:
            self.close()
            raise
        if not line:
            self.close()
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        if len(line) > MAX_LINE:
            self.close()
            raise smtplib.SMTPResponseException(500, b"Line too long.")
        return line

    def send(self, s: Any, within: float | None = None) -> None:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("closed before")
        rest = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        deadline = self._deadline(within)
        self.unsent = len(rest)
        try:
            while rest:
                self._limit(self.sock, socket.SO_SNDTIMEO, _left(deadline))
                rest = rest[self.sock.send(rest[:PIECE]) :]
                self.unsent = len(rest)
        except BlockingIOError:
            self.close()
            raise _too_late() from None
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        super().close()
        self._line.close()

    def _deadline(self, within: float | None) -> float:
        return min(time.monotonic() + (within or self.timeout), self.ends)

    @property
    def pipelines(self) -> bool:
        """Whether it takes several commands at once (RFC 2920)."""
        return bool(self.does_esmtp) and self.has_extn("pipelining")


class _Replies(io.RawIOBase):
    """The bytes that come from the server, up to MAX_REPLY for each reply."""

    def __init__(self, sock: socket.socket, limit: Limit) -> None:
        self._sock, self._limit = sock, limit
        self.begin(0)

    def begin(self, deadline: float) -> None:
        """Wait for another reply from now on, until `deadline`."""
        self._deadline = deadline
        self._room = MAX_REPLY

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._room <= 0:
            raise EndlessReplyError
        self._limit(self._sock, socket.SO_RCVTIMEO, _left(self._deadline))
        try:
            taken = self._sock.recv_into(buffer)
        except BlockingIOError:
            raise _too_late() from None
        self._room -= taken
        return taken


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_late()
    return left


def _too_late() -> TimeoutError:
    return TimeoutError("timed out")


# Sets how many seconds the next call on the socket may take, to receive or to send.
Limit = Callable[[socket.socket, int, float], None]


def _by_python(sock: socket.socket, option: int, seconds: float) -> None:
    sock.settimeout(seconds)


class _BySystem:
    """Lets the system keep the time limit. Python's own makes more calls of the system
    for each one, and lets another thread in each time.

    Not for a connection that may become TLS: there it would wait without end.
    """

    def __init__(self) -> None:
        self._known: dict[int, float] = {}

    def __call__(self, sock: socket.socket, option: int, seconds: float) -> None:
        # The limit that was set before is mostly close enough, and spares a call.
        if seconds <= self._known.get(option, 0.0) <= seconds * TOLERANCE**2:
            return
        self._known[option] = longer = seconds * TOLERANCE
        whole, micro = divmod(max(int(longer * 1e6), 1), 1_000_000)
        sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", whole, micro))
