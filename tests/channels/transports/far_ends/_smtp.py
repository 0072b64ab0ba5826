from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import pytest

from channels.smtp import session
from tests.channels.transports.far_ends._base import Act, FarEnd
from tests.peers.scripted_smtp import DEFAULTS, HANG_UP, ScriptedSmtp

USER, PASSWORD = "alice", "an smtp password"
SIGN_IN = {
    "EHLO": b"250-far.test\r\n250 AUTH CRAM-MD5",
    "AUTH": b"235 2.7.0 in",
}
SLOW = 0.3  # seconds

Reply = bytes | Callable[[bytes], bytes]


class SmtpFarEnd(FarEnd):
    """A mail server that asks who is there."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._server = ScriptedSmtp(**SIGN_IN)

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._server.__exit__(kind, error, traceback)

    @property
    def port(self) -> int:
        return int(self._server.url.rpartition(":")[2])

    @property
    def taken(self) -> list[bytes]:
        return self._server.messages

    def act(self, act: Act) -> None:
        acts: dict[Act, dict[str, Reply]] = {
            Act.ACCEPT: {},
            Act.ACCEPT_SLOWLY: {"content": self._after(SLOW, DEFAULTS["content"])},
            Act.REFUSE_FOR_GOOD: {"RCPT": b"550 5.1.1 no such user"},
            Act.REFUSE_FOR_NOW: {"RCPT": b"450 4.2.0 come again"},
            Act.REFUSE_SIGN_IN: {"AUTH": b"535 5.7.8 wrong password"},
            Act.HANG_UP_BEFORE: {"banner": HANG_UP, "MAIL": HANG_UP},
            Act.HANG_UP_DURING: {"mid_content": HANG_UP},
            Act.HANG_UP_AFTER: {"content": HANG_UP},
            Act.SILENT_BEFORE: {"MAIL": self._after(None, HANG_UP)},
            Act.SILENT_AFTER: {"content": self._after(None, HANG_UP)},
        }
        self._server.replies = {**DEFAULTS, **SIGN_IN, **acts[act]}

    def hurry(self, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
        limits = {
            Act.SILENT_BEFORE: "COMMAND_TIMEOUT",
            Act.SILENT_AFTER: "FINAL_REPLY_TIMEOUT",
        }
        monkeypatch.setattr(session, limits[act], SLOW)

    def _after(self, seconds: float | None, reply: bytes) -> Callable[[bytes], bytes]:
        """Answer so much later; None: when the test is over."""

        def wait(line: bytes) -> bytes:
            self._over.wait(seconds)
            return reply

        return wait
