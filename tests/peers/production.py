"""A whole installation as production runs it, with a real mail server as its relay."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from cryptography.fernet import Fernet

from tests.peers.gate import Gate
from tests.peers.mail_server import MailServer
from tests.peers.outside import HOST
from tests.peers.postfix import Postfix
from tests.peers.roles import Role, collect_static, run
from tests.peers.sink import Sink
from tests.peers.stores import postgres_database, redis_queue, redis_url
from tests.portal import free_port
from tests.visitor import PASSWORD, Visitor

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

    def message_to(self, recipient: str, folder: str = "failed") -> str:
        """Return the page of the message to a recipient in this folder."""
        page = self.visitor.get(f"/conversations/{folder}/")
        row = next(row for row in page.split("<tr>") if recipient in row)
        link = re.search(r'href="(/conversations/messages/[^"]+)"', row)
        assert link
        return self.visitor.get(link[1])


@contextmanager
def installation(
    folder: Path,
    relay: Callable[..., MailServer] = Postfix,
    *,
    on_the_way: Callable[[bytes], bytes] | None = None,
) -> Iterator[Production]:
    """Run every role as a process; logs lie in `folder`.

    What the product says to its relay goes through `on_the_way`.
    """
    with ExitStack() as parts:
        sink = parts.enter_context(Sink())
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
            log = folder / f"{name}.log"
            return parts.enter_context(Role(*command, env=env, log=log, ready=ready))

        # Only its port tells the relay where bounces go, and the relay's port tells
        # the others where that is.
        env["PORTAL_RELAY_URL"] = f"smtp://{HOST}:1"
        run("python", "manage.py", "migrate", "--no-input", env=env)
        collect_static(env)
        receiver = role(
            "receiver",
            *("python", "manage.py", "receivebounces", "--listen", f"{HOST}:0"),
            ready=rf" on ({HOST}:\d+)",
        )
        server = parts.enter_context(
            relay(bounces_to=receiver.announced[1], sink=f"{HOST}:{sink.port}")
        )
        relay_port = server.port
        if on_the_way:
            gate = Gate((HOST, relay_port), changed=on_the_way)
            relay_port = parts.enter_context(gate).port
        env["PORTAL_RELAY_URL"] = f"smtp://{HOST}:{relay_port}"
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
