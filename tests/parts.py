"""Parts that a machine may lack: a mail server, a browser, a database server."""

from __future__ import annotations

import os

import pytest


def require_part(present: object, reason: str) -> None:
    """Skip the test unless the part is `present`.

    Where everything is supposed to be installed (CI=true), a missing part is a
    failure: otherwise the tests that need it would quietly stop running.
    """
    if present:
        return
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{reason} (CI must have it)")
    pytest.skip(reason)
