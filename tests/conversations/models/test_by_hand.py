from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from conversations.delivering import claim, look_ahead
from conversations.models import Delivery, DeliveryEvent, Lane, Message, by_hand
from conversations.models.by_hand import Rows
from conversations.models.event import Line
from conversations.models.hold import HeldBack
from conversations.models.next_due import next_due
from conversations.models.state import State
from conversations.sending.lease import Lease
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
Kind = DeliveryEvent.Kind


def test_lines_are_written_as_bulk_create_writes_them(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery, at = make_delivery(alice), now()
    words = "550 'Grüße' \"%s\" \\ \n \N{PARTY POPPER}"
    line = Line(delivery.pk, Kind.FAILED, at, "ours", "mx.test", words, 550, "5.1.1", 2)
    DeliveryEvent.objects.record([line, Line(delivery.pk, Kind.WRITTEN, at)])
    DeliveryEvent.objects.bulk_create(
        DeliveryEvent(**each._asdict())
        for each in (line, Line(delivery.pk, Kind.WRITTEN, at))
    )
    by_hand, queued, peer, queued_peer = (
        tuple(getattr(event, name) for name in Line._fields)
        for event in delivery.events.order_by("pk")
    )
    assert by_hand == peer == tuple(line)
    assert queued == queued_peer


def test_a_hundred_lines_are_one_statement_and_none_is_no_statement(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    with CaptureQueriesContext(connection) as asked:
        DeliveryEvent.objects.record([Line(delivery.pk, Kind.WRITTEN, now())] * 100)
        DeliveryEvent.objects.record([])
    assert len(asked.captured_queries) == 1
    assert delivery.events.count() == 100


@pytest.mark.parametrize(
    "change",
    [{"not_before": now() + timedelta(days=1)}, {"state": State.FAILED}],
)
def test_only_what_is_still_as_expected_is_changed(
    alice: User, make_delivery: MakeDelivery, change: dict[str, object]
) -> None:
    for _ in range(3):
        delivery = make_delivery(alice)
    batch = look_ahead(delivery.channel, alice.pk)
    taken = batch.deliveries[1]
    Delivery.objects.filter(pk=taken.pk).update(**change)
    ours = claim(batch.deliveries, Lease.new(), batch)
    assert set(ours) == set(batch.deliveries) - {taken}
    tries = dict(Delivery.objects.values_list("pk", "attempts"))
    assert tries == {each.pk: int(each != taken) for each in batch.deliveries}


@pytest.mark.parametrize("number", [1, 3])
def test_lines_are_told_only_if_all_they_tell_of_is_still_as_expected(
    alice: User, make_delivery: MakeDelivery, number: int
) -> None:
    deliveries = [make_delivery(alice) for _ in range(number)]
    words = "550 'Grüße' \"%s\" \\ \n \N{PARTY POPPER}"
    line = Line(0, Kind.FAILED, now(), "ours", "mx.test", words, 550, "5.1.1", 2)
    lines = [line._replace(delivery_id=each.pk) for each in deliveries]
    still = {"state": State.QUEUED, "lease": ""}
    assert Delivery.objects.tell(lines, still)
    written = DeliveryEvent.objects.order_by("pk").values_list(*Line._fields)
    assert list(written) == [tuple(each) for each in lines]
    Delivery.objects.filter(pk=deliveries[-1].pk).update(state=State.FAILED)
    assert not Delivery.objects.tell(lines, still)
    assert written.count() == number


def test_a_field_that_was_not_read_is_read_when_asked_for(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    [found] = next_due(delivery.channel_id, alice.pk, now(), 1, HeldBack())
    assert "created_at" in found.get_deferred_fields()
    assert found.created_at == delivery.created_at
    assert found == delivery
    assert found.message.subject == delivery.message.subject
    found.state = State.FAILED
    found.save(update_fields=["state"])
    assert Delivery.objects.get().state == State.FAILED


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="elsewhere one writes at a time"
)
@pytest.mark.django_db(transaction=True)
def test_what_somebody_else_is_taking_away_is_not_waited_for(
    alice: User, make_delivery: MakeDelivery
) -> None:
    """Two workers that release some of each other's mail would wait for ever."""
    wanted, kept = make_delivery(alice), make_delivery(alice)
    batch = look_ahead(wanted.channel, alice.pk)
    locked, goes_on = Event(), Event()

    def take_away() -> None:
        with transaction.atomic():
            list(Delivery.objects.filter(pk=wanted.pk).select_for_update())
            locked.set()
            goes_on.wait(30)
        connection.close()

    other = Thread(target=take_away)
    other.start()
    try:
        assert locked.wait(30)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            assert claim(batch.deliveries, Lease.new(), batch) == [kept]
    finally:
        goes_on.set()
        other.join()
    wanted.refresh_from_db()
    assert wanted.state == State.QUEUED


def test_a_new_instance_has_what_the_constructor_gives_it(
    alice: User, make_delivery: MakeDelivery
) -> None:
    message = make_delivery(alice).message
    fields = {
        "conversation": message.conversation,
        "sender": alice,
        "team_id": alice.team_id,
        "identity": None,
        "subject": "Hello",
        "uuid": message.uuid,
        "written_at": message.written_at,
    }
    quick, usual = Message.new(**fields), Message(**fields)
    assert quick.conversation is message.conversation
    assert quick.identity is None
    names = [field.attname for field in Message._meta.concrete_fields]
    assert [getattr(quick, name) for name in names] == [
        getattr(usual, name) for name in names
    ]
    assert quick._state.adding


@pytest.mark.parametrize("number", [1, by_hand.FEW + 1])
def test_rows_inserted_by_hand_are_those_that_django_would_insert(
    alice: User, make_delivery: MakeDelivery, number: int
) -> None:
    """Few of them and many: they take different ways."""
    like = make_delivery(alice).message
    words = 'Grüße\t\\N \'x\' "%s" {"a": [1]}\r\n\N{PARTY POPPER} \\. '
    ids = by_hand.new_ids({Message: number})[0][Message]
    new = [
        Message.new(
            id=pk,
            conversation=like.conversation,
            sender=alice,
            team_id=alice.team_id,
            subject=words[:7],
            body=words,
            cc=[['Bert \\ "B"', "bert@customer.test"]],
            message_id=f"<{pk}@portal.test>",
            submission=uuid4(),
        )
        for pk in ids
    ]
    by_hand.insert(Rows.of_new(new))
    read = list(Message.objects.filter(pk__in=ids).order_by("pk"))
    names = [field.attname for field in Message._meta.concrete_fields]
    assert [[getattr(each, name) for name in names] for each in read] == [
        [getattr(each, name) for name in names] for each in new
    ]
    assert not new[0]._state.adding
    usual = Message.objects.create(
        conversation=like.conversation,
        sender=alice,
        team_id=alice.team_id,
        message_id="<usual@portal.test>",
    )
    assert usual.pk > max(ids)


@pytest.mark.parametrize("number", [1, by_hand.FEW + 1])
def test_what_may_not_be_there_twice_is_refused_as_django_refuses_it(
    alice: User, make_delivery: MakeDelivery, number: int
) -> None:
    message = make_delivery(alice).message
    ids = by_hand.new_ids({Message: number})[0][Message]
    twice = [
        Message.new(
            id=pk,
            conversation=message.conversation,
            sender=alice,
            team_id=alice.team_id,
            message_id=message.message_id,
        )
        for pk in ids
    ]
    with pytest.raises(IntegrityError), transaction.atomic():
        by_hand.insert(Rows.of_new(twice))
    assert Message.objects.get() == message


def test_of_a_row_that_is_there_only_what_is_named_is_changed(
    alice: User, make_delivery: MakeDelivery
) -> None:
    lane = {"channel_id": make_delivery(alice).channel_id, "sender_id": alice.pk}
    for announced, host in ((1, "a.test"), (2, "b.test")):
        values = {**lane, "announced": announced, "waits_for": host}
        values |= {"not_again_before": now()}
        row = Rows(Lane, tuple(values), [tuple(values.values())])
        by_hand.insert_or_change(row, tuple(lane), "waits_for")
    assert Lane.objects.values_list("announced", "waits_for").get() == (1, "b.test")


@pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite plans each statement anew"
)
def test_what_is_prepared_is_planned_once(
    alice: User, make_delivery: MakeDelivery
) -> None:
    delivery = make_delivery(alice)
    for _ in range(8):
        line = Line(delivery.pk, Kind.WRITTEN, now())
        Delivery.objects.move_telling([line], {"reason": ""}, {"state": State.QUEUED})
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(custom_plans) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)
