"""What the outside world sends back, from the writing to where it ends."""

from __future__ import annotations

import re
from pathlib import Path

from tests.portal import Portal, wait_until

COMPLAINT, DELAYED, BLOCKED = (
    f"{local_part}@customer.test" for local_part in ("complaint", "delayed", "blocked")
)
FAILED = "/conversations/failed/"


def test_a_complaint_is_spam_a_delay_is_pending_a_block_is_an_alert(
    tmp_path: Path,
) -> None:
    with Portal(tmp_path) as portal:
        portal.sign_up()
        portal.write([COMPLAINT, DELAYED, BLOCKED])
        wait_until(lambda: portal.count("complained", "delayed", "failed") == 3)

        assert COMPLAINT in portal.get(f"{FAILED}?list=spam")
        pending = portal.get("/conversations/pending/")
        assert DELAYED in pending
        assert "Their server is still trying since" in pending

        failed = portal.get(FAILED)
        assert "customer.test blocks our server or domain" in failed
        assert "1 mail since" in failed
        close = re.search(
            r'action="(/conversations/alerts/[\w-]+/close/[^"]*)"', failed
        )
        assert close
        portal.press(FAILED, close[1])
        assert "1 mail since" not in portal.get(FAILED)

        portal.write(BLOCKED)
        wait_until(lambda: portal.count("failed") == 2)
        assert "1 mail since" in portal.get(FAILED)
