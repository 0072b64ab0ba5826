from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from django.db import connection
from django.utils.timezone import now
from pytest_django import Settings

from channels import far_ends
from channels.far_ends import end_all_sessions, session
from channels.models import Channel, FarEndSession
from deliveryportal.accounts.models import User
from tests.portal import wait_until


def no_queue() -> None:
    """Nobody waits."""


def can_be_taken(host: str) -> bool:
    with session(host, no_queue) as free:
        return free


def test_a_host_has_so_many_sessions_and_no_more(db: None, settings: Settings) -> None:
    settings.FAR_END_SESSIONS = 2
    with session("a.test", no_queue) as first, session("a.test", no_queue) as second:
        assert (first, second) == (True, True)
        assert can_be_taken("a.test") is False
        assert can_be_taken("b.test") is True
    assert can_be_taken("a.test") is True


def test_a_session_of_a_worker_that_died_is_free_again(
    db: None, settings: Settings
) -> None:
    settings.FAR_END_SESSIONS = 1
    with ExitStack() as dead:
        dead.enter_context(session("a.test", no_queue))
        FarEndSession.objects.update(until=now())  # nobody renews it
        assert can_be_taken("a.test") is True


def test_what_becomes_free_while_one_queues_up_is_taken(
    db: None, settings: Settings
) -> None:
    settings.FAR_END_SESSIONS = 1
    with session("a.test", no_queue), session("a.test", end_all_sessions) as free:
        assert free is True


def test_fewer_sessions_hold_at_once_when_the_setting_says_so(
    db: None, settings: Settings
) -> None:
    settings.FAR_END_SESSIONS = 3
    assert can_be_taken("a.test")
    settings.FAR_END_SESSIONS = 1
    with session("a.test", no_queue):
        assert can_be_taken("a.test") is False


@pytest.mark.django_db(transaction=True)
def test_a_session_that_waits_for_its_host_stays_held(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FAR_END_SESSIONS = 1
    monkeypatch.setattr(far_ends, "RENEWED_EVERY", 0.05)
    with session("a.test", no_queue):
        FarEndSession.objects.update(until=now() + timedelta(seconds=5))
        soon = now() + timedelta(seconds=10)
        wait_until(lambda: FarEndSession.objects.filter(until__gt=soon).exists())


@pytest.mark.django_db(transaction=True)
def test_eight_workers_together_never_hold_more(settings: Settings) -> None:
    settings.FAR_END_SESSIONS = 3
    all_here = Barrier(8)

    def work(_: int) -> bool:
        try:
            all_here.wait()
            with session("a.test", no_queue) as free:
                all_here.wait()
                return free
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as workers:
        for _ in range(3):
            assert sum(workers.map(work, range(8))) == 3


def test_channels_that_lead_to_one_host_share_its_sessions(
    alice: User, bob: User
) -> None:
    def at(host: str, owner: User) -> Channel:
        return Channel(kind="smtp", owner=owner, config={"host": host, "port": "25"})

    assert at("Mail.test.", alice).far_end == at("mail.test", bob).far_end
    assert at("mail.test", alice).far_end != at("mail2.test", alice).far_end
    assert Channel.objects.default().far_end == "portal"


def test_a_clock_that_is_put_back_keeps_no_session_taken(db: None) -> None:
    with time_machine.travel(now(), tick=False) as clock:
        with session("mx.test", lambda: None) as taken:
            assert taken
        FarEndSession.objects.update(holder="gone", until=now())
        clock.shift(timedelta(hours=-1))
        with session("mx.test", lambda: None) as taken:
            assert taken
