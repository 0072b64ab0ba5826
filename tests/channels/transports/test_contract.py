"""What every kind of channel keeps to, whatever its servers do.

None may send twice, and none may call an unsent message sent. Runs over every
registered transport; see `far_ends`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.utils.timezone import now
from pytest_django import Settings

from channels.connecting import connected
from channels.models import Channel
from channels.transports import (
    OutgoingEmail,
    Receipt,
    Scope,
    Transport,
    TransportError,
    Verdict,
    all_transports,
)
from conversations.delivering import deliver_lane
from conversations.models import Delivery
from conversations.models.state import State
from deliveryportal.accounts.models import User
from tests.channels.transports.far_ends import (
    Act,
    FarEnd,
    MissingFarEndError,
    far_end_of,
)
from tests.portal import wait_until

MakeDelivery = Callable[..., Delivery]

ACCEPTED = None  # the outcome that is no verdict
CERTAINLY_NOT_SENT = {Verdict.NOT_NOW, Verdict.CHANNEL_DOWN}
# What a transport may say, and how often the far side has the message then.
CONTRACT: dict[Act, tuple[set[Verdict] | None, int]] = {
    Act.ACCEPT: (ACCEPTED, 1),
    Act.ACCEPT_SLOWLY: (ACCEPTED, 1),
    Act.REFUSE_FOR_GOOD: ({Verdict.REFUSED}, 0),
    Act.REFUSE_FOR_NOW: (CERTAINLY_NOT_SENT, 0),
    Act.REFUSE_SIGN_IN: ({Verdict.CHANNEL_BROKEN}, 0),
    Act.HANG_UP_BEFORE: (CERTAINLY_NOT_SENT, 0),
    # Whether the last bytes had left when the line went dead, it may not know.
    Act.HANG_UP_DURING: (CERTAINLY_NOT_SENT | {Verdict.UNKNOWN}, 0),
    Act.HANG_UP_AFTER: ({Verdict.UNKNOWN}, 1),
    Act.SILENT_BEFORE: (CERTAINLY_NOT_SENT, 0),
    Act.SILENT_AFTER: ({Verdict.UNKNOWN}, 1),
}
STATES: dict[Verdict | None, State] = {
    ACCEPTED: State.ACCEPTED,
    Verdict.REFUSED: State.FAILED,
    Verdict.NOT_NOW: State.QUEUED,
    Verdict.CHANNEL_DOWN: State.QUEUED,
    Verdict.CHANNEL_BROKEN: State.QUEUED,
    Verdict.UNKNOWN: State.UNCONFIRMED,
}


def cases(*, without: set[Act] | None = None) -> list[object]:
    """Each act of each kind's far end, as parameters."""
    return [
        pytest.param(kind, act, marks=marks, id=f"{kind} {act.value}")
        for kind in all_transports()
        for marks, cannot in [_about(kind)]
        for act in CONTRACT
        if act not in cannot | (without or set())
    ]


def _about(kind: str) -> tuple[tuple[pytest.MarkDecorator, ...], frozenset[Act]]:
    try:
        found = far_end_of(kind)
    except MissingFarEndError:
        return (), frozenset()  # its tests say so
    return found.marks, found.cannot


every_act = pytest.mark.parametrize(("kind", "act"), cases())
every_trouble = pytest.mark.parametrize(
    ("kind", "act"), cases(without={Act.ACCEPT, Act.ACCEPT_SLOWLY})
)


@pytest.fixture
def far_end(kind: str, settings: Settings) -> Iterator[FarEnd]:
    try:
        found = far_end_of(kind)
    except MissingFarEndError as error:
        pytest.fail(str(error), pytrace=False)
    with found() as far_end:
        for name, value in far_end.settings.items():
            setattr(settings, name, value)
        yield far_end


@contextmanager
def playing(far_end: FarEnd, act: Act) -> Iterator[None]:
    """Let the far end do that with one message, and accept what comes after it."""
    far_end.act(act)
    with pytest.MonkeyPatch.context() as monkeypatch:
        if act.silent:
            far_end.hurry(act, monkeypatch)
        yield
    far_end.act(Act.ACCEPT)


@pytest.fixture
def channel(kind: str, far_end: FarEnd, alice: User) -> Channel:
    """A channel of alice's, or of everybody, that leads to the far end."""
    if all_transports()[kind].traits.scope is Scope.INSTALLATION:
        return Channel.objects.for_everybody(kind)
    return Channel.objects.create(
        kind=kind,
        owner=alice,
        address=far_end.address,
        config=dict(far_end.config),
        credentials=dict(far_end.credentials),
    )


def email(subject: str, *, size: int = 10) -> OutgoingEmail:
    line = b"A line of the text of this message, as long as such lines are.\r\n"
    return OutgoingEmail(
        envelope_sender="alice@acme.test",
        recipient="anna@customer.test",
        content=(
            b"From: Alice Acme <alice@acme.test>\r\n"
            b"To: anna@customer.test\r\n"
            b"Message-ID: <" + subject.encode() + b"@portal.test>\r\n"
            b"Subject: " + subject.encode() + b"\r\n\r\n" + line * size
        ),
    )


def outcome(transport: Transport, mail: OutgoingEmail) -> Receipt | TransportError:
    try:
        return transport.send(mail)
    except TransportError as error:
        return error


def times_taken(far_end: FarEnd, subject: str) -> int:
    header = f"Subject: {subject}\r\n".encode()
    return sum(header in content for content in far_end.taken)


@every_act
def test_a_transport_says_what_has_happened(
    far_end: FarEnd, act: Act, channel: Channel
) -> None:
    verdicts, taken = CONTRACT[act]
    size = 200_000 if act is Act.HANG_UP_DURING else 10  # more than is under way
    with channel.open_transport() as transport, playing(far_end, act):
        said = outcome(transport, email("first", size=size))
    if isinstance(said, Receipt):
        assert verdicts is ACCEPTED
    else:
        assert verdicts is not ACCEPTED, said
        assert said.verdict in verdicts
        assert said.words, "people are told something"
    wait_until(lambda: times_taken(far_end, "first") == taken)


@every_trouble
def test_after_trouble_the_same_transport_sends_the_next_message(
    far_end: FarEnd, act: Act, channel: Channel
) -> None:
    with channel.open_transport() as transport:
        with playing(far_end, act):
            outcome(transport, email("first"))
        assert isinstance(outcome(transport, email("second")), Receipt)
    assert times_taken(far_end, "second") == 1
    assert times_taken(far_end, "first") == CONTRACT[act][1], "never again by itself"


@every_act
def test_in_the_end_each_mail_has_arrived_once_or_stands_as_what_it_is(
    far_end: FarEnd,
    act: Act,
    channel: Channel,
    alice: User,
    make_delivery: MakeDelivery,
) -> None:
    delivery = make_delivery(alice, subject="first")
    Delivery.objects.update(channel=channel)
    with playing(far_end, act):
        deliver_lane(channel.pk, alice.pk)
        deliver_lane(channel.pk, alice.pk)
    delivery.refresh_from_db()
    verdicts, taken = CONTRACT[act]
    expected = [STATES[verdict] for verdict in verdicts or [ACCEPTED]]
    assert delivery.state in expected
    channel.refresh_from_db()
    paused = channel.health == Channel.Health.PAUSED
    assert paused == (act is Act.REFUSE_SIGN_IN and channel.owner_id is not None)
    wait_until(lambda: times_taken(far_end, "first") == taken)

    connected(channel, by=alice)
    waiting = Delivery.objects.filter(state=State.QUEUED)
    sent_now = waiting.update(not_before=now())
    deliver_lane(channel.pk, alice.pk)
    deliver_lane(channel.pk, alice.pk)
    delivery.refresh_from_db()
    assert times_taken(far_end, "first") == taken + sent_now <= 1
    if sent_now:
        assert delivery.state == State.ACCEPTED


@pytest.mark.parametrize("kind", all_transports())
def test_what_a_channel_says_of_itself_is_short_and_without_secrets(
    far_end: FarEnd, channel: Channel
) -> None:
    summary = channel.transport_class.summary(channel.config)
    assert len(summary) < 200
    for secret in channel.credentials.values():
        assert secret not in summary
        assert secret not in repr(channel.open_transport())


def test_a_kind_without_a_far_end_is_told_which_file_to_add() -> None:
    with pytest.raises(MissingFarEndError, match=r"far_ends/carrier\.py"):
        far_end_of("carrier")
