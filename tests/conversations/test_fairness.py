"""Ten thousand mails of one user, and one of another: two workers, the real queue.

Asserted is what no machine, quick or busy, can bend: how many turns of the ten thousand
come in between. The seconds are measured by `make bench-send PARTS=fairness`, with the
settings and processes of production.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import dramatiq
import pytest
from django.db import connections
from django.test.utils import override_settings
from dramatiq import Worker

from channels.addresses import parse_address
from channels.models import Channel, EmailIdentity
from conversations.delivering import deliver_lane
from conversations.models import Delivery
from conversations.models.state import State
from conversations.sending.stopping import stopping
from conversations.sending.turns import LaneId
from conversations.tasks import announce_lanes
from deliveryportal.accounts.models import User
from tests.conversations.lanes import has_queued
from tests.conversations.letters import write
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.portal import wait_until

BACKLOG = 10_000
TIMES = 5


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The workers' threads end with the test, and so must their connections.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    broker = dramatiq.get_broker()
    broker.flush("lanes")
    worker = Worker(broker, worker_threads=2, worker_timeout=100)
    worker.start()
    yield
    stopping.set()
    worker.stop()
    broker.flush("lanes")
    stopping.clear()


@pytest.fixture
def turns_begun(monkeypatch: pytest.MonkeyPatch) -> list[LaneId]:
    """Whose lanes have been worked on, in order."""
    begun: list[LaneId] = []

    def note(channel_id: int, sender_id: int, channel: Channel | None = None) -> bool:
        begun.append(LaneId(channel_id, sender_id))
        return deliver_lane(channel_id, sender_id, channel=channel)

    monkeypatch.setattr("conversations.sending.turns.deliver_lane", note)
    return begun


def slowly(milliseconds: int) -> Callable[[bytes], bytes]:
    def answer(line: bytes) -> bytes:
        time.sleep(milliseconds / 1000)
        return b"250 2.1.5 ok"

    return answer


@pytest.mark.parametrize("milliseconds", [0, 50], ids=["quick", "slow"])
@pytest.mark.parametrize("sessions", [1, 2])
@pytest.mark.django_db(transaction=True)
def test_a_mail_overtakes_ten_thousand_of_somebody_else(
    alice: User,
    charlie: User,
    milliseconds: int,
    sessions: int,
    two_workers: None,
    turns_begun: list[LaneId],
) -> None:
    """At a relay that answers at once, and at one that takes its time for each."""
    identity = EmailIdentity.objects.get(owner=charlie, is_default=True)
    backlog = has_queued(alice, BACKLOG)
    accepted = Delivery.objects.filter(state=State.ACCEPTED)
    theirs, mine = accepted.filter(sender=alice), accepted.filter(sender=charlie)
    between = []
    with (
        ScriptedSmtp(RCPT=slowly(milliseconds)) as relay,
        override_settings(
            PORTAL_RELAY_URL=relay.url,
            FAR_END_SESSIONS=sessions,
            LANE_MILLISECONDS=250,
        ),
    ):
        announce_lanes([backlog])
        wait_until(theirs.exists)
        for number in range(TIMES):
            to = parse_address(f"p{number}@customer.test")
            before = turns_begun.count(backlog)
            write(identity=identity, recipients=[to], subject="Hi", body="Now.")
            wait_until(lambda done=number + 1: mine.count() == done)  # type: ignore[misc]
            between.append(turns_begun.count(backlog) - before)
        stopping.set()
    left = BACKLOG - theirs.count()
    assert left > BACKLOG / 2, "there was no backlog to speak of"
    # Besides the turns that were under way, one that was next of each worker's.
    assert max(between) <= 2
