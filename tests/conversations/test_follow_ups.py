"""A follow-up stays in its thread, as far as the mailbox it leaves from has that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils.timezone import now
from pytest_django import Settings

from channels.addresses import parse_addresses
from channels.connecting import connected
from channels.disconnecting import disconnect
from channels.models import Channel, EmailIdentity
from channels.picking import pick
from channels.transports import transport_class
from conversations.delivering import deliver_lane
from conversations.models import Delivery, Message
from conversations.sending.letters import email_for
from deliveryportal.accounts.models import User
from tests.conversations.letters import write
from tests.peers.google import ALICE, ALICE_PRIVATE, SEND, Google

pytestmark = pytest.mark.google

Connect = Callable[[str], Channel]
Send = Callable[..., Message]


def written_by(user: User, follows: Message | None) -> Message:
    [message] = write(
        identity=EmailIdentity.objects.get(owner=user),
        recipients=parse_addresses("anna@customer.test"),
        subject="Hello",
        body="Text.",
        follows=follows,
    )
    return message


@pytest.fixture
def connect(alice: User, google: Google) -> Connect:
    """Alice connects Gmail, as an account; one that was connected is disconnected."""

    def connect(address: str) -> Channel:
        for before in Channel.objects.connected().filter(owner=alice):
            disconnect(before, by=alice)
        account = transport_class("gmail").account(
            google.grant(address), {"email": address, "email_verified": True}, now()
        )
        channel, _ = Channel.objects.update_or_create(
            kind="gmail",
            owner=alice,
            defaults={
                "address": account.address,
                "config": account.config,
                "credentials": account.credentials,
                "disconnected_at": None,
            },
        )
        connected(channel, by=alice)
        return channel

    return connect


@pytest.fixture
def send(alice: User) -> Send:
    def send(follows: Message | None = None) -> Message:
        message = written_by(alice, follows)
        deliver_lane(message.deliveries.get().channel_id, alice.pk)
        return message

    return send


def thread_of(message: Message) -> str:
    return message.deliveries.get().remote_thread


def test_by_the_same_account_it_stays_in_its_thread(
    connect: Connect, send: Send, google: Google
) -> None:
    connect(ALICE)
    first = send()
    assert thread_of(first)
    assert thread_of(send(follows=first)) == thread_of(first)
    connect(ALICE)
    assert thread_of(send(follows=first)) == thread_of(first)
    assert len(google.sent(ALICE)) == google.log.count(SEND) == 3


def test_another_account_is_not_asked_for_the_thread_of_the_first(
    connect: Connect, send: Send, google: Google
) -> None:
    connect(ALICE)
    first = send()
    connect(ALICE_PRIVATE)
    second = send(follows=first)
    [mail] = google.sent(ALICE_PRIVATE)
    assert mail.message["In-Reply-To"] == mail.message["References"] == first.message_id
    assert thread_of(second) == mail.thread != thread_of(first)
    assert google.log.count(SEND) == 2, "nothing was refused and tried without"


def test_back_at_the_first_account_it_stays_in_its_thread_again(
    connect: Connect, send: Send, google: Google
) -> None:
    connect(ALICE)
    first = send()
    connect(ALICE_PRIVATE)
    second = send(follows=first)
    connect(ALICE)
    assert thread_of(send(follows=first)) == thread_of(first)
    assert thread_of(send(follows=second)) != thread_of(second)
    assert google.log.count(SEND) == 4, "nothing was refused and tried without"


def test_another_channel_is_told_of_no_thread(
    connect: Connect,
    send: Send,
    alice: User,
    portal_channel: Channel,
    settings: Settings,
) -> None:
    settings.PORTAL_RELAY_URL = "smtp://127.0.0.1:1"  # nothing is sent to it
    connect(ALICE)
    first = send()
    pick(alice, portal_channel)
    delivery = Delivery.objects.get(message=written_by(alice, first))
    assert delivery.channel == portal_channel
    email = email_for(delivery, portal_channel.open_transport())
    assert email.thread == ""
    assert f"In-Reply-To: {first.message_id}".encode() in email.content
