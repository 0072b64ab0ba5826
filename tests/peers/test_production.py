"""Running it for real: every role a process, PostgreSQL, Redis and Postfix.

The commands are those of the README.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from cryptography.fernet import Fernet

from tests.peers.postfix import HOST, Postfix, require_postfix
from tests.peers.roles import Role, collect_static, run
from tests.peers.sink import Sink
from tests.peers.stores import postgres_database, redis_queue, redis_url
from tests.portal import free_port, wait_until
from tests.visitor import PASSWORD, Visitor

pytestmark = [pytest.mark.postfix, pytest.mark.processes]

ALICE = "alice@acme.test"


@dataclass(frozen=True)
class Production:
    """A whole installation; `sink` is where all mail that is accepted ends."""

    visitor: Visitor
    sink: Sink
    queue: redis.Redis
    web: Role
    worker: Role
    receiver: Role
    sweeper: Role

    @property
    def roles(self) -> list[Role]:
        return [self.web, self.worker, self.receiver, self.sweeper]

    def sign_up(self) -> None:
        """Sign up as the first person, by the link in the verification mail."""
        self.visitor.sign_up(email=ALICE)
        mail = self.sink.wait_for(lambda mail: mail.recipients == (ALICE,))
        body = mail.message.get_body()
        assert body
        link = re.search(r"/accounts/confirm-email/\S+", body.get_content())
        assert link
        self.visitor.post(link[0])
        if "Alice Acme" not in self.visitor.get("/conversations/sent/"):
            self.visitor.post("/accounts/login/", login=ALICE, password=PASSWORD)

    def stands_under(self, folder: str, recipient: str, state: str) -> bool:
        """Is there a row in this folder for `recipient`, in `state`?"""
        page = self.visitor.get(f"/conversations/{folder}/")
        rows = [row for row in page.split("<tr>") if recipient in row]
        return any(re.search(rf">\s*{state}\s*</span>", row) for row in rows)

    def message_to(self, recipient: str) -> str:
        """Return the page of the message to a recipient under Failed deliveries."""
        page = self.visitor.get("/conversations/failed/")
        row = next(row for row in page.split("<tr>") if recipient in row)
        link = re.search(r'href="(/conversations/messages/[^"]+)"', row)
        assert link
        return self.visitor.get(link[1])


@pytest.fixture
def production(sink: Sink, tmp_path: Path) -> Iterator[Production]:
    require_postfix()
    with ExitStack() as parts:
        database = parts.enter_context(postgres_database())
        queue = parts.enter_context(redis_queue())
        port = free_port()
        url = f"http://{HOST}:{port}"
        env = {
            "UNDO_SECONDS": "0",
            "DATABASE_URL": database,
            "BROKER_URL": redis_url(queue),
            "PORTAL_MODE": "production",
            "PORTAL_DOMAIN": "portal.test",
            "BASE_URL": url,
            "ALLOWED_HOSTS": HOST,
            "SECRET_KEY": Fernet.generate_key().decode() * 2,
            "CREDENTIAL_KEYS": Fernet.generate_key().decode(),
        }

        def role(name: str, *command: str, ready: str) -> Role:
            log = tmp_path / f"{name}.log"
            return parts.enter_context(Role(*command, env=env, log=log, ready=ready))

        # Only its port tells Postfix where bounces go, and Postfix's port tells
        # the others where their relay is.
        env["PORTAL_RELAY_URL"] = f"smtp://{HOST}:1"
        run("python", "manage.py", "migrate", "--no-input", env=env)
        collect_static(env)
        receiver = role(
            "receiver",
            *("python", "manage.py", "receivebounces", "--listen", f"{HOST}:0"),
            ready=rf" on ({HOST}:\d+)",
        )
        postfix = parts.enter_context(
            Postfix(bounces_to=receiver.announced[1], sink=f"{HOST}:{sink.port}")
        )
        env["PORTAL_RELAY_URL"] = f"smtp://{HOST}:{postfix.ports.plain}"
        yield Production(
            visitor=Visitor(url),
            sink=sink,
            queue=queue,
            receiver=receiver,
            web=role(
                "web",
                *("waitress-serve", f"--listen={HOST}:{port}"),
                "deliveryportal.wsgi:application",
                ready="Serving on",
            ),
            worker=role(
                "worker",
                *("dramatiq", "deliveryportal.worker"),
                *("--processes", "2", "--threads", "2"),
                ready="is booting up",
            ),
            sweeper=role("sweeper", "python", "manage.py", "sweep", ready="Sweeping"),
        )


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
