"""Connecting by settings: test them step by step, then keep what has passed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict

from django.db import transaction

from channels.connecting import connected
from channels.far_ends import session
from channels.models import Channel, ConnectionTest, EmailIdentity
from channels.transports import Step, transport_class
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import Team, User

logger = logging.getLogger(__name__)
State = ConnectionTest.State

TOO_MANY = Step(
    label="Test",
    done=False,
    advice="Your tests before this one still wait for their servers. Try again in a "
    "minute.",
)


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
    """Run a waiting test once; each step is stored as soon as it is made.

    A server that hangs keeps a worker's thread waiting, so a person has no more tests
    under way than mail has sessions with a host.
    """
    tests = ConnectionTest.objects.filter(pk=test_id)
    if not tests.filter(state=State.WAITING).update(state=State.RUNNING):
        return
    test = tests.get()
    with session(f"tests of user {test.user_id}", _nobody_waits) as free:
        if free:
            _run(test)
        else:
            tests.update(steps=[asdict(TOO_MANY)], state=State.FAILED)


def _run(test: ConnectionTest) -> None:
    tests = ConnectionTest.objects.filter(pk=test.pk)
    steps: list[Step] = []
    try:
        with test.open_transport() as transport:
            for step in transport.probe(test.sender):
                steps.append(step)
                if not tests.update(steps=[asdict(each) for each in steps]):
                    return  # forgotten: its user has begun another
    except Exception as error:
        # The page waits for an end; the reason is for the operator.
        logger.error("Connection test %s broke: %s", test.uuid, type(error).__name__)
        steps.append(Step(label="Test", done=False, advice="Something broke here."))
        tests.update(steps=[asdict(each) for each in steps], state=State.FAILED)
        raise
    passed = bool(steps) and all(step.done for step in steps)
    tests.update(state=State.PASSED if passed else State.FAILED)


def _nobody_waits() -> None:
    """Who finds too many under way is told so."""


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
