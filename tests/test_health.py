from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError
from django.test import Client
from django.utils.timezone import now

from channels.models import Allowance, Channel
from conversations.models import Delivery, Heartbeat, Hold, Lane, Report
from conversations.models.state import State
from conversations.sending.turns import BELIEVED, CALLED_WITHIN
from conversations.sweeping import sweep
from conversations.tasks import work_lane
from conversations.watching.figures import OVERDUE
from deliveryportal import health
from deliveryportal.accounts.models import User


def test_a_healthy_installation_says_so_to_anyone(client: Client, db: None) -> None:
    sweep()
    response = client.get("/healthz")
    assert response.status_code == 200
    report = response.json()
    assert (report["ok"], report["database"], report["queue"]) == (True, "ok", "ok")
    assert report["oldest_due_seconds"] is None
    assert report["last_sweep_seconds"] < 60
    assert report["reports_without_delivery"] == 0
    assert report["unreadable_reports"] == 0


def test_without_a_sweeper_it_cannot_do_its_job(client: Client, db: None) -> None:
    assert client.get("/healthz").status_code == 503
    Heartbeat.objects.create(role="sweep", at=now() - timedelta(minutes=5))
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["last_sweep_seconds"] >= 300


def test_mail_that_nobody_takes_up_is_told(
    client: Client, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    sweep()
    make_delivery(alice, not_before=now() - OVERDUE / 2)
    assert client.get("/healthz").status_code == 200
    Delivery.objects.update(not_before=now() - OVERDUE)
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["oldest_due_seconds"] >= 600


def test_a_database_that_is_away_is_told_without_a_traceback(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(at: datetime) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(health, "oldest_due", away)
    response = client.get("/healthz")
    assert response.status_code == 503
    assert response.json()["database"] == "unavailable"


def test_other_methods_are_refused(client: Client, db: None) -> None:
    assert client.post("/healthz").status_code == 405


def test_mail_that_waits_for_a_person_or_a_limit_is_no_fault_of_the_installation(
    client: Client, alice: User, make_delivery: Callable[..., Delivery]
) -> None:
    sweep()
    delivery = make_delivery(alice, not_before=now() - timedelta(hours=1))
    Channel.objects.update(health=Channel.Health.PAUSED)
    assert client.get("/healthz").status_code == 200
    Channel.objects.update(health=Channel.Health.WORKING)
    assert client.get("/healthz").status_code == 503
    Allowance.objects.create(
        channel=delivery.channel, sender=alice, held_until=now() + timedelta(hours=1)
    )
    assert client.get("/healthz").status_code == 200


def slowed(delivery: Delivery) -> dict[str, Any]:
    return {
        "scope": Hold.Scope.SLOWED,
        "channel": delivery.channel,
        "domain": delivery.recipient_domain,
    }


@pytest.mark.parametrize(
    "waits",
    [
        lambda delivery, until: Allowance.objects.create(
            channel=delivery.channel, sender=delivery.sender, held_until=until
        ),
        lambda delivery, until: Hold.objects.create(**slowed(delivery), until=until),
        lambda _, until: Hold.objects.create(scope="everything", until=until),
    ],
    ids=["a limit", "a recipient's domain", "an admin's pause"],
)
def test_mail_is_overdue_only_for_as_long_as_it_could_go(
    client: Client,
    alice: User,
    make_delivery: Callable[..., Delivery],
    waits: Callable[[Delivery, datetime], object],
) -> None:
    """When its rest ends, the next sweep announces it: until then nobody is to blame."""
    ended = now()
    waits(make_delivery(alice, not_before=ended - timedelta(days=1)), ended)
    with time_machine.travel(ended, tick=False) as clock:
        for passed, status in (
            (timedelta(seconds=1), 200),
            (OVERDUE - timedelta(seconds=1), 200),
            (OVERDUE, 503),
        ):
            clock.move_to(ended + passed)
            Heartbeat.beat("sweep")
            assert client.get("/healthz").status_code == status


def test_one_persons_slow_server_is_no_fault_of_the_installation(
    client: Client,
    alice: User,
    make_delivery: Callable[..., Delivery],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its lane has a backlog, and always a worker or a place among those who wait."""
    monkeypatch.setattr(work_lane, "send", lambda *ids: None)
    hour_ago = now() - timedelta(hours=1)
    old = make_delivery(alice, not_before=hour_ago)
    lane = Lane.objects.create(channel=old.channel, sender=alice, announced=1)
    Heartbeat.beat("sweep")

    def health() -> int:
        Heartbeat.beat("sweep")
        return client.get("/healthz").status_code

    with time_machine.travel(now(), tick=False) as clock:
        Lane.objects.take_up(lane.channel_id, alice.pk)
        in_hand = make_delivery(
            alice,
            state=State.HANDING_OVER,
            lease="1:a",
            lease_until=now() + timedelta(minutes=10),
        )
        assert health() == 200
        clock.shift(timedelta(minutes=5))
        assert health() == 200, "it still has not answered"
        in_hand.delete()
        assert health() == 503, "nobody has come back"
        Lane.objects.take_up(lane.channel_id, alice.pk)
        assert health() == 200
        Lane.objects.update(
            waits_for="a.test",
            waits_since=now(),
            not_again_before=now() + CALLED_WITHIN,
        )
        clock.shift(CALLED_WITHIN)
        assert health() == 200, "all sessions of the host are taken"
        sweep()
        clock.shift(BELIEVED[0])
        assert health() == 200, "it has been called"
        sweep()
        assert health() == 503, "nobody came, and it has been called once more"


def test_reports_that_the_admin_has_to_look_at_are_counted(
    client: Client, db: None
) -> None:
    sweep()
    for serial, state in enumerate(["read", "read", "unreadable"]):
        token = "gone" if state == "unreadable" else ""
        Report.objects.create(
            raw=b"x", digest=str(serial), state=state, return_token=token
        )
    response = client.get("/healthz")
    assert response.status_code == 200  # mail flows all the same
    assert response.json()["reports_without_delivery"] == 2
    assert response.json()["unreadable_reports"] == 1
