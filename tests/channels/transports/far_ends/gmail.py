from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import pytest
from django.utils.timezone import now

from channels.transports import _google, transport_class
from tests.channels.transports.far_ends._base import Act, FarEnd
from tests.peers.google import (
    ALICE,
    CLIENT_ID,
    CLIENT_SECRET,
    SEND,
    TOKEN,
    UPLOAD,
    Google,
    require_google,
)

SENDING = f"({SEND}|{UPLOAD})"
SLOW = 0.3  # seconds


class Gmail(FarEnd):
    """Google, and an account there that alice has connected."""

    marks = (pytest.mark.google,)
    address = ALICE

    def __enter__(self) -> Self:
        require_google()
        self._google = Google().__enter__()
        self.settings = {
            "GOOGLE_CLIENT_ID": CLIENT_ID,
            "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
            "GOOGLE_BASE": self._google.url,
        }
        account = transport_class("gmail").account(
            self._google.grant(ALICE), {"email": ALICE, "email_verified": True}, now()
        )
        self.config, self.credentials = account.config, account.credentials
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._google.__exit__(kind, error, traceback)

    @property
    def taken(self) -> list[bytes]:
        return [mail.content for mail in self._google.sent(ALICE)]

    def act(self, act: Act) -> None:
        orders: dict[Act, dict[str, Any]] = {
            Act.ACCEPT_SLOWLY: {"delay": SLOW * 1000},
            Act.REFUSE_FOR_GOOD: _error(400, "invalidArgument"),
            Act.REFUSE_FOR_NOW: _error(429, "rateLimitExceeded"),
            # Once for the token it has, and once for a fresh one.
            Act.REFUSE_SIGN_IN: {**_error(401, "authError"), "times": 2},
            Act.HANG_UP_BEFORE: {"match": TOKEN, "hangUp": True},
            Act.HANG_UP_DURING: {"hangUp": True},
            Act.HANG_UP_AFTER: {"apply": True, "hangUp": True},
            Act.SILENT_BEFORE: {"match": TOKEN, "delay": 60_000},
            Act.SILENT_AFTER: {"apply": True, "delay": 60_000},
        }
        order = {"match": SENDING, **orders.get(act, {})}
        if order["match"] == TOKEN:
            # A request and its data are one; what comes before is the sign-in.
            self._google.expire_tokens()
        if act in orders:
            self._google.fault(**order)

    def hurry(self, act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(_google, "TOKEN_TIMEOUT", (5.0, SLOW))
        monkeypatch.setattr(_google, "SEND_TIMEOUT", (5.0, SLOW))


def _error(status: int, reason: str) -> dict[str, Any]:
    error = {"code": status, "message": reason, "errors": [{"reason": reason}]}
    return {"status": status, "body": {"error": error}}


FAR_END = Gmail
