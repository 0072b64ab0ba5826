from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError
from django.test import Client
from django.utils.timezone import now

from channels.models import Allowance, Channel
from conversations.models import Delivery, Heartbeat, Report
from conversations.sweeping import sweep
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
