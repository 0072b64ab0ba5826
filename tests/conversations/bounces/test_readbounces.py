from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.conversations.bounces.conftest import MAILS


def read(*paths: Path) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("readbounces", *paths, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_each_mail_and_recipient_is_a_line() -> None:
    home, work, only = read(MAILS / "two_recipients.eml", MAILS / "unknown_user.eml")
    assert (home["kind"], home["recipient"]) == ("delivered", "home@private.test")
    assert (work["kind"], work["recipient"]) == ("bounce", "work@company.test")
    assert only == {
        "file": str(MAILS / "unknown_user.eml"),
        "recipient": "nina@customer.test",
        "kind": "bounce",
        "reason": "address_unknown",
        "hard": True,
        "status": "5.1.1",
        "replycode": "550",
        "messageid": "<6f1d2c3b@portal.test>",
        "diagnostic": (
            "550 5.1.1 <nina@customer.test>: Recipient address rejected: "
            "User unknown in virtual mailbox table"
        ),
        "reporting_mta": "relay.portal.test",
        "remote_mta": "mx1.customer.test",
        "evidence": "Action: failed; words “user unknown”",
    }


def test_a_folder_is_read_with_all_in_it() -> None:
    files = {line["file"] for line in read(MAILS)}
    assert files == {str(path) for path in MAILS.rglob("*") if path.is_file()}


def test_what_says_nothing_is_called_none() -> None:
    assert read(MAILS / "plain_text.eml")[0]["kind"] == "none"
    assert read(MAILS / "authentication.eml")[0]["kind"] == "report"


def test_a_path_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no"):
        read(tmp_path / "nowhere")


def test_a_thousand_mails_take_seconds() -> None:
    began = time.process_time()
    read(*[MAILS / "unknown_user.eml"] * 1_000)
    assert time.process_time() - began < 10
