from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from pytest_django import Settings

from channels.identity_deletion import affected_by, consequences_of, delete, objection
from channels.models import EmailIdentity
from conversations import delivering
from conversations.delivering import claim, deliver_lane, look_ahead
from conversations.models import Delivery, DeliveryEvent, Draft, Message
from conversations.models.state import State, Triage
from conversations.sending.lease import Lease
from deliveryportal.accounts.models import User
from tests.peers.scripted_smtp import ScriptedSmtp

MakeDelivery = Callable[..., Delivery]
AsUser = Callable[[User], Client]


@pytest.fixture
def identity(alice: User) -> EmailIdentity:
    return EmailIdentity.objects.create(
        owner=alice,
        address="sales@acme.test",
        display_name="Sales",
        verified_at=now(),
    )


@pytest.fixture
def written(
    alice: User, identity: EmailIdentity, make_delivery: MakeDelivery
) -> Callable[..., Delivery]:
    """Make a delivery of a message that was written as the identity."""

    def make(recipient: str, **fields: object) -> Delivery:
        delivery = make_delivery(alice, recipient, **fields)
        Message.objects.filter(pk=delivery.message_id).update(
            identity=identity, from_address=identity.address
        )
        return delivery

    return make


def state_of(delivery: Delivery) -> str:
    delivery.refresh_from_db()
    return delivery.state


def test_what_waits_is_said_first(
    identity: EmailIdentity, written: MakeDelivery, alice: User
) -> None:
    assert consequences_of(identity) == []
    written("now@customer.test")
    [one] = consequences_of(identity)
    assert (one.affected, one.url) == (1, "/conversations/pending/")
    assert one.words.startswith("One message written as this identity still waits")
    written("later@customer.test", not_before=now() + timedelta(days=2))
    written("sent@customer.test", state=State.ACCEPTED)
    written("failed@customer.test", state=State.FAILED)
    [both] = consequences_of(identity)
    assert both.affected == 2
    assert both.words.startswith("2 messages written as this identity still wait")


def test_what_waits_stands_under_failed_deliveries_afterwards(
    identity: EmailIdentity, written: MakeDelivery, make_delivery: MakeDelivery
) -> None:
    waiting = written("now@customer.test", waiting_for="Its turn")
    scheduled = written("later@customer.test", not_before=now() + timedelta(days=2))
    sent = written("sent@customer.test", state=State.ACCEPTED)
    as_another = make_delivery(identity.owner, "other@customer.test")
    assert delete(identity, accepted=2)
    for delivery in (waiting, scheduled):
        assert state_of(delivery) == State.FAILED
        assert delivery.reason == "withdrawn"
        assert delivery.waiting_for == ""
        assert delivery.remote_words == (
            "The email identity sales@acme.test was deleted before this could leave. "
            "Nothing was sent."
        )
        event = delivery.events.get()
        assert (event.kind, event.note) == (
            DeliveryEvent.Kind.FAILED,
            delivery.remote_words,
        )
    assert state_of(sent) == State.ACCEPTED
    assert state_of(as_another) == State.QUEUED
    sent.message.refresh_from_db()
    assert sent.message.identity is None
    assert sent.message.from_address == "sales@acme.test"


def test_whoever_wrote_it_sends_it_as_another_identity_and_nobody_retries_it(
    alice: User, identity: EmailIdentity, written: MakeDelivery, as_user: AsUser
) -> None:
    waiting = written("now@customer.test")
    assert delete(identity, accepted=1)
    client = as_user(alice)
    page = client.get(reverse("conversations:causes")).text
    assert "Cancelled before it left" in page
    assert "/act/retry/" not in page
    assert "Whoever wrote it, if they are still in the team, opens the message" in page
    client.post(reverse("conversations:rework", args=[waiting.uuid]))
    draft = Draft.objects.get()
    form = {"submission": str(draft.uuid), "version": "1", "to": draft.to}
    client.post(draft.get_absolute_url(), {**form, "subject": "Hello", "body": "Text."})
    again = Message.objects.get(resend_of=waiting.message)
    assert again.from_address == "alice@acme.test"
    waiting.refresh_from_db()
    assert waiting.triage == Triage.RESOLVED


def test_more_than_was_accepted_is_not_done(
    identity: EmailIdentity, written: MakeDelivery
) -> None:
    written("one@customer.test")
    late = written("late@customer.test")
    assert not delete(identity, accepted=1)
    assert state_of(late) == State.QUEUED
    assert EmailIdentity.objects.filter(pk=identity.pk).exists()
    assert delete(identity, accepted=2)


def test_less_than_was_accepted_is_fine(identity: EmailIdentity) -> None:
    assert delete(identity, accepted=5)


def test_what_a_worker_has_looked_at_is_not_sent(
    identity: EmailIdentity, written: MakeDelivery, alice: User
) -> None:
    delivery = written("anna@customer.test")
    batch = look_ahead(delivery.channel, alice.pk)
    assert affected_by(identity) == 1
    assert delete(identity, accepted=1)
    assert claim(batch.deliveries, Lease.new(), batch) == []
    assert state_of(delivery) == State.FAILED


def test_what_is_being_handed_over_is_left_to_its_worker(
    identity: EmailIdentity,
    written: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delivery = written("anna@customer.test")
    original = delivering.compose

    def delete_meanwhile(delivery: Delivery, transport: object) -> object:
        assert affected_by(identity) == 0
        assert delete(identity, accepted=0)
        return original(delivery, transport)  # type: ignore[arg-type]

    monkeypatch.setattr(delivering, "compose", delete_meanwhile)
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        deliver_lane(delivery.channel_id, delivery.sender_id)
    assert len(relay.messages) == 1
    assert state_of(delivery) == State.ACCEPTED


def test_what_comes_back_to_the_queue_later_fails_with_a_sentence(
    identity: EmailIdentity, written: MakeDelivery, settings: Settings
) -> None:
    delivery = written("anna@customer.test")
    identity.delete()  # behind the use case's back, as in Django admin
    with ScriptedSmtp() as relay:
        settings.PORTAL_RELAY_URL = relay.url
        deliver_lane(delivery.channel_id, delivery.sender_id)
    assert relay.messages == []
    assert state_of(delivery) == State.FAILED
    assert "sales@acme.test is not a verified email identity" in delivery.remote_words


def test_the_default_and_the_last_identity_stay(
    identity: EmailIdentity, alice: User
) -> None:
    first = EmailIdentity.objects.get(owner=alice, is_default=True)
    assert "make another one the default first" in objection(first)
    assert not delete(first, accepted=0)
    assert objection(identity) == ""
    assert delete(identity, accepted=0)
    assert "your only identity" in objection(first)
    assert not delete(first, accepted=0)


def test_what_is_gone_already_is_not_deleted_again(identity: EmailIdentity) -> None:
    again = EmailIdentity.objects.get(pk=identity.pk)
    assert delete(identity, accepted=0)
    assert not delete(again, accepted=0)
