"""Connecting by settings: test them step by step, then keep what has passed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict

from django.db import transaction

from channels.connecting import connected
from channels.models import Channel, ConnectionTest, EmailIdentity
from channels.transports import Step, transport_class
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import Team, User

logger = logging.getLogger(__name__)
State = ConnectionTest.State


@transaction.atomic
def begin_test(
    *,
    user: User,
    team: Team | None,
    kind: str,
    config: Mapping[str, str],
    credentials: Mapping[str, str],
) -> ConnectionTest:
    """Keep the settings for a test by a worker; forget the user's earlier tests."""
    ConnectionTest.objects.of(user).filter(kind=kind).delete()
    identity = EmailIdentity.objects.of(user).first()
    transport = transport_class(kind)
    record(
        Area.SETTINGS,
        "Tested settings for a delivery channel",
        transport.traits.label,
        by=user,
        server=transport.far_end(config),
    )
    return ConnectionTest.objects.create(
        user=user,
        team=team,
        kind=kind,
        config=dict(config),
        credentials=dict(credentials),
        sender=identity.address if identity else user.email,
    )


def run_test(test_id: int) -> None:
    """Run a waiting test once; each step is stored as soon as it is made."""
    tests = ConnectionTest.objects.filter(pk=test_id)
    if not tests.filter(state=State.WAITING).update(state=State.RUNNING):
        return
    test = tests.get()
    steps: list[Step] = []
    try:
        with test.open_transport() as transport:
            for step in transport.probe(test.sender):
                steps.append(step)
                tests.update(steps=[asdict(each) for each in steps])
    except Exception as error:
        # The page waits for an end; the reason is for the operator.
        logger.error("Connection test %s broke: %s", test.uuid, type(error).__name__)
        steps.append(Step(label="Test", done=False, advice="Something broke here."))
        tests.update(steps=[asdict(each) for each in steps], state=State.FAILED)
        raise
    passed = bool(steps) and all(step.done for step in steps)
    tests.update(state=State.PASSED if passed else State.FAILED)


class NotTestedError(Exception):
    """Only settings that have passed their test are kept."""


@transaction.atomic
def keep_tested(test: ConnectionTest) -> Channel:
    """Make the passed test's settings the channel; raise NotTestedError otherwise."""
    if test.state != State.PASSED:
        raise NotTestedError
    owner = {"team": test.team} if test.team else {"owner": test.user}
    channel, _ = Channel.objects.update_or_create(
        kind=test.kind,
        **owner,
        defaults={
            "config": test.config,
            "credentials": test.credentials,
            "disconnected_at": None,
        },
    )
    test.delete()
    connected(channel, by=test.user)
    return channel
