"""Two hundred connections that say nothing: what they cost, and whom they keep out."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from channels.return_path import return_path
from conversations.models import Delivery, Report
from tests.conversations.bounces.conftest import BOUNCE
from tests.conversations.bounces.raw_client import RawClient
from tests.conversations.bounces.test_receivebounces import database_url
from tests.peers.roles import Role
from tests.peers.traffic import DOMAIN

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]

CONNECTIONS = 200
ROUNDS = 3
# KiB that a connection may cost. All rounds together may cost what one may: what one
# let go, the next takes, but for the allocator's noise.
EACH = 50
WHILE_HELD = 1024  # KiB
# As `manage.py receivebounces`, but with less patience.
IMPATIENT = """
from conversations.bounces import sessions
sessions.IDLE_LIMIT = 5
import manage, sys
sys.argv = ["manage.py", "receivebounces", "--listen", "127.0.0.1:0"]
manage.main()
"""


@pytest.fixture
def receiver(transactional_db: None, tmp_path: Path) -> Role:
    return Role(
        *("python", "-c", IMPATIENT),
        env={"DATABASE_URL": database_url()},
        log=tmp_path / "receiver.log",
        ready=r" on 127\.0\.0\.1:(\d+)\.",
    )


def resident(role: Role) -> int:
    """Return how much memory the process has, in KiB."""
    status = Path(f"/proc/{role.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_two_hundred_idle_connections_are_held_let_go_and_cost_the_same_each_time(
    receiver: Role, delivery: Delivery
) -> None:
    path = return_path(delivery.return_token, DOMAIN)
    held, released = [], []
    with receiver:
        address = ("127.0.0.1", int(receiver.announced[1]))
        before = resident(receiver)
        for number in range(ROUNDS):
            with ExitStack() as connected:
                idle = [
                    connected.enter_context(RawClient(address))
                    for _ in range(CONNECTIONS)
                ]
                with RawClient(address) as mta:  # one that has something to say
                    mta.begin_mail(path)
                    mta.send(b"Number: %d\r\n" % number + BOUNCE + b"\r\n.\r\n")
                    assert mta.reply().startswith("250")
                held.append(resident(receiver))
                for client in idle:
                    assert client.reply().startswith("421 4.4.2")
                    assert client.reply() == ""
                released.append(resident(receiver))
    assert Report.objects.count() == ROUNDS
    assert max(held) - before < CONNECTIONS * EACH, (before, held)
    grown = [after - at for at, after in zip(held, released, strict=True)]
    assert max(grown) < WHILE_HELD, grown
