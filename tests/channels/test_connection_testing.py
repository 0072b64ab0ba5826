from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from pytest_django import Settings

from channels.connection_testing import run_test
from channels.far_ends import session
from channels.models import ConnectionTest
from channels.transports import Step, Transport, transport_class
from deliveryportal.accounts.models import User
from tests.peers.scripted_smtp import ScriptedSmtp

State = ConnectionTest.State


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Settings) -> None:
    settings.SMTP_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def waiting(user: User, server: ScriptedSmtp) -> ConnectionTest:
    return ConnectionTest.objects.create(
        user=user,
        kind="smtp",
        sender=user.email,
        config={
            "host": "127.0.0.1",
            "port": server.url.rpartition(":")[2],
            "security": "none",
        },
        credentials={},
    )


def test_who_has_too_many_tests_under_way_is_told_so_and_nobody_else_is(
    alice: User, bob: User, settings: Settings
) -> None:
    settings.FAR_END_SESSIONS = 2
    with ScriptedSmtp() as server:
        tests = [waiting(user, server) for user in (alice, bob, alice)]
        with ExitStack() as under_way:
            for _ in range(2):
                of_alice = session(f"tests of user {alice.pk}", lambda: None)
                assert under_way.enter_context(of_alice)
            run_test(tests[0].pk)
            run_test(tests[1].pk)
        run_test(tests[2].pk)
    for test in tests:
        test.refresh_from_db()
    assert [test.state for test in tests] == [State.FAILED, State.PASSED, State.PASSED]
    [step] = tests[0].steps
    assert "Try again in a minute" in step["advice"]


def test_a_test_that_its_user_has_replaced_goes_no_further(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def probe(transport: Transport, sender: str) -> Iterator[Step]:
        for label in ("Name resolved", "Connected"):
            ConnectionTest.objects.all().delete()
            said.append(label)
            yield Step(label=label, done=True)

    monkeypatch.setattr(transport_class("smtp"), "probe", probe)
    with ScriptedSmtp() as server:
        run_test(waiting(alice, server).pk)
    assert said == ["Name resolved"]
