from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from threading import Thread
from typing import Any
from uuid import uuid4

import dramatiq
import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django import DjangoCaptureOnCommitCallbacks

from channels.addresses import parse_address, parse_addresses
from channels.models import Channel, ChannelChoice, EmailIdentity
from channels.routing import channel_for
from conversations.composing import (
    AlreadySentError,
    Enclosed,
    Wording,
    write_to_each,
)
from conversations.models import (
    Conversation,
    Delivery,
    DeliveryEvent,
    Lane,
    Message,
    by_hand,
)
from conversations.tasks import work_lane
from deliveryportal.accounts.models import User
from tests.conversations.letters import write
from tests.portal import wait_until

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="elsewhere one writes at a time"
)


def identity_of(user: User) -> EmailIdentity:
    return EmailIdentity.objects.get(owner=user, is_default=True)


def write_to(user: User, to: str, **fields: object) -> list[Message]:
    return write(
        identity=identity_of(user),
        recipients=parse_addresses(to),
        **{"subject": "Hello", "body": "Text.", **fields},  # type: ignore[arg-type]
    )


def somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted "
            "AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def test_a_message_is_queued_and_its_timeline_begins(alice: User) -> None:
    (message,) = write_to(alice, "Anna <anna@customer.test>")
    delivery = message.deliveries.get()
    assert delivery.state == Delivery.State.QUEUED
    assert delivery.channel == Channel.objects.default()
    assert (message.from_name, message.from_address) == ("Alice Acme", alice.email)
    assert message.conversation.person_name == "Anna"
    event = delivery.events.get()
    assert event.kind == DeliveryEvent.Kind.WRITTEN
    assert event.note == f"as Alice Acme <{alice.email}>, for {delivery.channel}"


@pytest.mark.parametrize("number", [1, by_hand.FEW + 1])
def test_what_nothing_is_said_of_is_as_in_a_delivery_that_django_makes(
    alice: User, number: int
) -> None:
    """Few of them and many: they take different ways."""
    write_to(alice, ", ".join(f"p{n}@customer.test" for n in range(number)))
    delivery, *_ = Delivery.objects.order_by("-pk")
    said = {
        *("id", "uuid", "message_id", "channel_id", "sender_id", "team_id"),
        *("recipient", "recipient_wire", "return_token"),
        *("state_since", "not_before", "created_at"),
        *("subject", "from_address", "channel_kind", "tracked"),
    }
    usual = Delivery()
    for field in Delivery._meta.concrete_fields:
        if field.attname not in said and not field.generated:
            assert getattr(delivery, field.attname) == getattr(usual, field.attname)


def test_the_message_id_does_not_tell_the_return_path(alice: User) -> None:
    (message,) = write_to(alice, "anna@customer.test")
    token = message.deliveries.get().return_token
    assert token not in message.message_id
    assert message.message_id.replace("-", "")[1:33] != token


def test_each_recipient_gets_a_message_of_their_own(alice: User) -> None:
    messages = write_to(alice, "anna@customer.test, bert@customer.test")
    assert [m.deliveries.get().recipient for m in messages] == [
        "anna@customer.test",
        "bert@customer.test",
    ]


def test_one_person_named_twice_gets_it_once(alice: User) -> None:
    assert len(write_to(alice, "anna@customer.test, ANNA@customer.test")) == 1


def test_mail_to_one_person_is_one_conversation(alice: User) -> None:
    write_to(alice, "anna@customer.test")
    write_to(alice, "Anna@Customer.test")
    assert Conversation.objects.count() == 1


def test_people_of_old_and_new_conversations_are_written_to_at_once(
    alice: User, bob: User
) -> None:
    write_to(bob, "old@customer.test, new@customer.test")
    write_to(alice, "Old@customer.test")
    messages = write_to(
        alice, "Nora <new@customer.test>, OLD@customer.test, Öl@customer.test"
    )
    assert [each.conversation.person_address for each in messages] == [
        "new@customer.test",
        "Old@customer.test",
        "Öl@customer.test",
    ]
    assert [each.conversation.person_name for each in messages] == ["Nora", "", ""]
    assert Conversation.objects.filter(owner=alice).count() == 3
    assert (
        write_to(alice, "Öl@customer.test")[0].conversation == messages[2].conversation
    )


def test_a_thousand_are_written_to_in_as_many_statements_as_one(alice: User) -> None:
    def statements(first: int, number: int) -> int:
        people = ", ".join(f"p{first + n}@customer.test" for n in range(number))
        with CaptureQueriesContext(connection) as asked:
            assert len(write_to(alice, people)) == number
        return len(asked.captured_queries)

    write_to(alice, "first@customer.test, second@customer.test")
    one, thousand = statements(0, 1), statements(1, 1000)
    # Their ids, and a COPY for each of four tables, where one statement does it all.
    assert one <= 11
    assert thousand <= one + 4
    assert Delivery.objects.filter(events__kind="written").count() == 1003


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_message_is_written_in_one_statement_that_needs_no_transaction(
    alice: User,
) -> None:
    Channel.objects.default()
    write_to(alice, "first@customer.test")
    identity = EmailIdentity.objects.select_related("owner").get(owner=alice)
    with CaptureQueriesContext(connection) as asked:
        (message,) = write(
            identity=identity,
            recipients=parse_addresses("anna@customer.test"),
            subject="Hello",
            body="Text.",
            submission=uuid4(),
        )
    # Itself, if its channel is that of the first and its form was not sent before; and is
    # its lane announced?
    assert len(asked.captured_queries) == 1
    assert message.conversation.person_address == "anna@customer.test"
    assert message.deliveries.get().events.count() == 1


@pytest.mark.parametrize("people", ["anna@customer.test", "a@b.test, b@b.test"])
def test_what_was_chosen_since_the_last_letter_is_taken(
    alice: User, people: str
) -> None:
    def taken() -> set[Channel]:
        messages = write_to(alice, people)
        found = Channel.objects.filter(deliveries__message__in=messages)
        assert Delivery.objects.filter(message__in=messages).count() == len(messages)
        return set(found)

    own = Channel.objects.create(kind="smtp", owner=alice)
    portal = Channel.objects.default()
    assert taken() == {portal}
    choice = ChannelChoice.objects.create(user=alice, channel=own)
    assert taken() == {own}
    Channel.objects.filter(pk=own.pk).update(disconnected_at=now())
    assert taken() == {portal}
    choice.delete()
    team = Channel.objects.create(kind="smtp", team=alice.team)
    assert taken() == {team}
    EmailIdentity.objects.filter(owner=alice).update(channel=portal)
    assert taken() == {portal}


@pytest.mark.django_db(transaction=True)
def test_a_lane_is_announced_once_and_again_when_a_worker_has_taken_it_up(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(work_lane, "send", lambda *lane: told.append(lane))
    write_to(alice, "anna@customer.test")
    write_to(alice, "bert@customer.test")
    assert told == [(Delivery.objects.all()[0].channel_id, alice.pk)]
    Lane.objects.update(announced=0, not_again_before=now())
    write_to(alice, "carl@customer.test")
    assert len(told) == 2


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_conversation_that_somebody_else_begins_meanwhile_is_gone_on_with(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    taking = by_hand.new_ids

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        taken = taking(*args, **kwargs)
        if not Conversation.objects.exists():
            Conversation.objects.create(
                owner=alice, person_address="Anna@customer.test"
            )
        return taken

    monkeypatch.setattr(by_hand, "new_ids", meanwhile)
    messages = write_to(alice, "bert@customer.test, anna@customer.test")
    assert [each.conversation.person_address for each in messages] == [
        "bert@customer.test",
        "Anna@customer.test",
    ]
    assert Message.objects.count() == Conversation.objects.count() == 2


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_one_of_two_who_begin_a_conversation_at_once_goes_on_with_the_others(
    alice: User,
) -> None:
    Channel.objects.default()
    written: list[Message] = []

    def write_too() -> None:
        with closing(connection):
            written.extend(write_to(alice, "anna@customer.test"))

    other = Thread(target=write_too)
    with transaction.atomic():
        begun = Conversation.objects.create(
            owner=alice, person_address="Anna@customer.test"
        )
        other.start()
        wait_until(somebody_waits_for_us)
    other.join()
    assert [each.conversation_id for each in written] == [begun.pk]
    assert Message.objects.count() == Conversation.objects.count() == 1


def test_the_same_form_sent_twice_is_one_message(alice: User) -> None:
    submission = uuid4()
    first = write_to(alice, "anna@customer.test", submission=submission)
    again = write_to(alice, "anna@customer.test", submission=submission)
    assert first == again
    assert Delivery.objects.count() == 1


@on_postgresql
@pytest.mark.parametrize("to", ["anna@b.test", "anna@b.test, bert@b.test"])
@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_the_same_moment_is_sent_once(
    alice: User, to: str
) -> None:
    Channel.objects.default()
    submission, came = uuid4(), []

    def write_too() -> None:
        with closing(connection):
            came.append(set(write_to(alice, to, submission=submission)))

    other = Thread(target=write_too)
    with transaction.atomic():
        first = write_to(alice, to, submission=submission)
        other.start()
        wait_until(somebody_waits_for_us)
    other.join()
    assert came == [set(first)]
    with pytest.raises(AlreadySentError):
        write_to(alice, "carl@b.test", submission=submission)
    assert Message.objects.count() == len(first)


def test_work_is_announced_only_when_the_rows_are_committed(
    alice: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        write_to(alice, "anna@customer.test")
    assert len(callbacks) == 1


@pytest.mark.parametrize("people", ["anna@customer.test", "a@b.test, b@b.test"])
@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_of_a_write_that_fails(alice: User, people: str) -> None:
    identity = identity_of(alice)
    EmailIdentity.objects.filter(pk=identity.pk).delete()
    with pytest.raises(IntegrityError):
        write(
            identity=identity,
            recipients=parse_addresses(people),
            subject="Hello",
            body="Text.",
        )
    assert Message.objects.count() == Conversation.objects.count() == 0
    assert Delivery.objects.count() == DeliveryEvent.objects.count() == 0


@on_postgresql
def test_nothing_is_cut_off_without_a_word(alice: User) -> None:
    with pytest.raises(DataError):
        write_to(alice, "anna@customer.test", subject="x" * 501)


HOSTILE = """'Ö%s" %(sender_id)s {} \\ \n $1 🎉"""


def test_a_letter_to_one_is_written_as_each_of_several(alice: User) -> None:
    """The one takes a way of its own."""
    EmailIdentity.objects.filter(owner=alice).update(
        display_name="O'Brien %s", signature="$1 %(at)s"
    )
    wording = Wording(subject=HOSTILE[:-3], body=HOSTILE, html=f"<p>{HOSTILE}</p>")
    identity, people = identity_of(alice), ("Ann %s O'Neil", "anna@b.test")
    enclosed = Enclosed(
        not_before=now() + timedelta(days=1),
        follows=write_to(alice, "anna@b.test", submission=uuid4())[0],
    )

    def written(*others: str) -> list[dict[str, Any]]:
        letters = [
            (parse_address(f"{people[0]} <{each}>"), wording)
            for each in (people[1], *others)
        ]
        message, *_ = write_to_each(
            identity=identity, letters=letters, enclosed=enclosed, submission=uuid4()
        )
        delivery = message.deliveries.get()
        assert delivery.state_since == delivery.created_at >= message.written_at
        rows = (message, Message.objects.get(pk=message.pk), delivery)
        return [values(row) for row in (*rows, *delivery.events.all())]

    def values(row: Model) -> dict[str, Any]:
        own = {"id", "uuid", "message_id", "submission", "return_token", "delivery_id"}
        moments = {"written_at", "created_at", "state_since", "at"}
        return {
            field.attname: getattr(row, field.attname)
            for field in row._meta.concrete_fields
            if field.attname not in own | moments
        }

    one = written()
    assert one == written("bert@b.test")
    assert one[0] == one[1]
    assert len(one) == 4


@pytest.mark.django_db(transaction=True)
def test_a_queue_that_is_away_loses_nothing(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **kwargs: object) -> None:
        raise dramatiq.errors.BrokerConnectionError("the queue is away")

    monkeypatch.setattr(dramatiq.get_broker(), "enqueue", away)
    write_to(alice, "anna@customer.test")
    assert Delivery.objects.get().state == Delivery.State.QUEUED


def test_the_signature_follows_the_body(alice: User) -> None:
    EmailIdentity.objects.update(signature="Alice\nAcme Ltd")
    (message,) = write_to(alice, "anna@customer.test", body="Bye.\n")
    assert message.body == "Bye.\n\n-- \nAlice\nAcme Ltd"


def test_the_identitys_channel_comes_before_the_users_choice(alice: User) -> None:
    own = Channel.objects.create(kind="portal", owner=alice)
    chosen = Channel.objects.create(kind="smtp", owner=alice)
    assert channel_for(identity_of(alice)) == Channel.objects.default()
    team = Channel.objects.create(kind="smtp", team=alice.team)
    assert channel_for(identity_of(alice)) == team
    ChannelChoice.objects.create(user=alice, channel=chosen)
    assert channel_for(identity_of(alice)) == chosen
    EmailIdentity.objects.filter(owner=alice).update(channel=own)
    assert channel_for(identity_of(alice)) == own
