"""Running it for real: every role a process, PostgreSQL, Redis and Postfix.

The commands are those of the README.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.postfix import require_postfix
from tests.peers.production import Production, installation
from tests.portal import wait_until

pytestmark = [pytest.mark.postfix, pytest.mark.processes]


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Production]:
    require_postfix()
    with installation(tmp_path) as running:
        yield running


def test_mail_to_an_unknown_user_comes_back_as_a_bounce(
    production: Production,
) -> None:
    production.sign_up()
    visitor = production.visitor
    recipients = ["unknown@mx.test", "late@mx.test", "refused@mx.test", "anna@mx.test"]
    for recipient in recipients:
        visitor.write(recipient, subject=f"To {recipient}")

    for recipient, state in [
        ("unknown@mx.test", "Bounced"),
        ("late@mx.test", "Bounced"),
        ("refused@mx.test", "Failed"),
    ]:
        wait_until(lambda r=recipient, s=state: production.stands_under("failed", r, s))  # type: ignore[misc]
        page = production.message_to(recipient)
        assert "Address does not exist" in page
        assert "5.1.1" in page
    page = production.message_to("unknown@mx.test")
    assert "The account you tried to reach does not exist" in page
    assert "multipart/report" in page, "the raw report"

    mail = production.sink.wait_for(lambda mail: mail.recipients == ("anna@mx.test",))
    assert re.fullmatch(r"b[0-9a-f]{32}@bounce\.portal\.test", mail.sender)
    assert mail.message["From"] == "Alice Acme <alice@acme.test>"
    assert production.stands_under("sent", "anna@mx.test", "Delivered")
    assert mail.sender.encode() not in mail.content
    wait_until(lambda: visitor.status("/healthz") == 200)


def test_losing_the_whole_queue_loses_no_mail(production: Production) -> None:
    production.sign_up()
    assert production.worker.stop() == 0
    for number in range(3):
        production.visitor.write(f"p{number}@mx.test")
    production.queue.flushdb()
    production.worker.start()
    for number in range(3):
        recipient = f"p{number}@mx.test"
        production.sink.wait_for(lambda mail, r=recipient: mail.recipients == (r,))  # type: ignore[misc]
    assert len(production.sink.mails) == 1 + 3, "the verification mail, and each once"


def test_every_role_ends_when_it_is_asked_to(production: Production) -> None:
    production.sign_up()
    production.visitor.write("anna@mx.test")
    production.sink.wait_for(lambda mail: mail.recipients == ("anna@mx.test",))
    codes = {role.command: role.stop() for role in production.roles[1:]}
    assert set(codes.values()) == {0}
    production.web.stop()  # waitress ends by its own signal
    for role in production.roles:
        assert "Traceback" not in role.output


def test_practice_is_not_there_in_production(production: Production) -> None:
    production.sign_up()
    assert production.visitor.status("/practice/") == 404
    assert "Practice" not in production.visitor.get("/conversations/sent/")
