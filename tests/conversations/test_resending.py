from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now
from pytest_django import DjangoCaptureOnCommitCallbacks

from channels.connecting import connected
from channels.disconnecting import disconnect
from channels.models import Channel, EmailIdentity
from channels.pausing import pause
from conversations import resending
from conversations.blocking import block_domain, suppress_address
from conversations.bounces.reasons import REASONS
from conversations.composing import queue
from conversations.models import Delivery, Message
from conversations.models.state import State, Triage
from conversations.resending import (
    MENDED,
    offers_for,
    resendable,
)
from conversations.triage import bulk, sending_again
from conversations.triage.actions import ACTIONS
from conversations.triage.carrying_out import carry_out
from conversations.triage.order import Order
from conversations.triage.sending_again import again, own_address
from deliveryportal.accounts.models import User

MakeDelivery = Callable[..., Delivery]
Fail = Callable[..., Delivery]
SETTINGS = {"host": "mail.acme.test", "port": "25", "security": "none"}


def resend(channel: Channel, *, by: User) -> int:
    """Send again what failed because of the channel; return how many mails."""
    job = resending.resend(channel, by=by)
    if job is None:
        return 0
    while bulk.turn(job.pk):
        pass
    job.refresh_from_db()
    return job.done


@pytest.fixture
def server(alice: User) -> Channel:
    """Alice's own server, connected a minute ago."""
    channel = Channel.objects.create(kind="smtp", owner=alice, config=SETTINGS)
    mend(channel, alice)
    return channel


def mend(channel: Channel, by: User) -> None:
    connected(channel, by=by)
    since = now() - timedelta(minutes=1)
    Channel.objects.filter(pk=channel.pk).update(connected_at=since)


@pytest.fixture
def fail(make_delivery: MakeDelivery, server: Channel) -> Fail:
    """A delivery that failed on the server, before it was mended."""

    def make(
        sender: User,
        reason: str = "channel_down",
        channel: Channel = server,
        **fields: object,
    ) -> Delivery:
        made = make_delivery(
            sender,
            **{
                "state": State.FAILED,
                "state_since": now() - timedelta(hours=1),
                "reason": reason,
                **fields,
            },
        )
        Delivery.objects.filter(pk=made.pk).update(channel=channel)
        made.channel = channel
        return made

    return make


# --- what is offered --------------------------------------------------------


@pytest.mark.parametrize("reason", REASONS)
def test_only_what_was_the_channels_fault_is_offered(
    alice: User, fail: Fail, reason: str
) -> None:
    fail(alice, reason)
    assert resendable(alice).exists() is (reason in MENDED)


def test_every_fault_of_a_channel_has_words() -> None:
    assert set(MENDED) <= set(REASONS)


@pytest.mark.parametrize("state", [state for state in State if state != State.FAILED])
def test_what_may_have_arrived_or_still_may_is_never_offered(
    alice: User, make_delivery: MakeDelivery, server: Channel, state: State
) -> None:
    in_hand = state == State.HANDING_OVER
    lease = {"lease": "x", "lease_until": now()} if in_hand else {}
    made = make_delivery(
        alice, state=state, reason="channel_down", state_since=now(), **lease
    )
    Delivery.objects.filter(pk=made.pk).update(
        channel=server, state_since=now() - timedelta(hours=1)
    )
    assert not resendable(alice).exists()


@pytest.mark.parametrize("reason", MENDED)
def test_what_failed_since_it_was_connected_would_fail_again(
    alice: User, fail: Fail, reason: str
) -> None:
    fail(alice, reason, state_since=now())
    assert not resendable(alice).exists()


@pytest.mark.parametrize(
    ("reason", "offered"),
    [("channel_down", True), ("sender_setup", False), ("sender_refused", False)],
)
def test_a_server_that_takes_mail_again_needs_no_mending(
    alice: User, bob: User, fail: Fail, server: Channel, reason: str, *, offered: bool
) -> None:
    """Of a set-up that refuses some mail it says nothing that it takes other mail."""
    fail(alice, reason)
    Channel.objects.update(connected_at=None)
    fail(bob, state=State.ACCEPTED, state_since=now())
    assert not resendable(alice).exists(), "only somebody else's mail has gone"
    fail(alice, state=State.ACCEPTED, state_since=now())
    assert resendable(alice).exists() is offered


@pytest.mark.parametrize("triage", Triage)
def test_what_people_have_done_with_is_not_offered(
    alice: User, fail: Fail, server: Channel, triage: Triage
) -> None:
    fail(alice, triage=triage)
    undone = triage in {Triage.OPEN, Triage.WAITING}
    assert len(offers_for(alice)) == undone
    assert resend(server, by=alice) == undone


@pytest.mark.parametrize(
    ("stop", "what", "is_offered"),
    [
        (suppress_address, "anna@mail.customer.test", False),
        (block_domain, "mail.customer.test", False),
        (block_domain, "customer.test", False),
        (block_domain, "l.customer.test", True),
        (block_domain, "m_il.customer.test", True),
    ],
)
def test_what_is_suppressed_since_is_not_offered(
    alice: User,
    bob: User,
    fail: Fail,
    stop: Callable[..., object],
    what: str,
    *,
    is_offered: bool,
) -> None:
    fail(alice, recipient="Anna@Mail.Customer.test")
    assert resendable(alice).exists()
    stop(what, by=bob, note="She asked for it.")
    assert resendable(alice).exists() is is_offered


def test_nothing_is_offered_while_the_channel_does_not_work(
    alice: User, fail: Fail, server: Channel
) -> None:
    fail(alice)
    server.refresh_from_db()
    pause(server, "535 wrong password")
    assert not resendable(alice).exists()
    mend(server, alice)
    assert resendable(alice).exists()


def test_what_failed_with_a_channel_that_was_disconnected_is_offered_once_it_is_back(
    alice: User, make_delivery: MakeDelivery, server: Channel
) -> None:
    waiting = make_delivery(alice)
    Delivery.objects.update(channel=server)
    disconnect(server, by=alice)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == (State.FAILED, "channel_gone")
    assert not resendable(alice).exists()
    Channel.objects.update(disconnected_at=None)
    connected(server, by=alice)
    assert resendable(alice).exists()


def test_what_cannot_be_written_any_more_is_not_offered(
    alice: User, fail: Fail
) -> None:
    failed = fail(alice)
    EmailIdentity.objects.filter(owner=alice).update(verified_at=None)
    assert not resendable(alice).exists()
    EmailIdentity.objects.filter(owner=alice).update(verified_at=now())
    assert resendable(alice).exists()
    Message.objects.filter(pk=failed.message_id).update(identity=None)
    assert not resendable(alice).exists()


def test_what_is_old_or_archived_is_not_offered(alice: User, fail: Fail) -> None:
    fail(alice, state_since=now() - timedelta(days=31))
    archived = fail(alice)
    Delivery.objects.filter(pk=archived.pk).update(archived_at=now())
    assert not resendable(alice).exists()


def test_nobody_writes_for_a_person_who_has_left(
    alice: User, bob: User, charlie: User, fail: Fail
) -> None:
    fail(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert not resendable(bob).exists()
    User.objects.filter(pk=alice.pk).update(is_active=True, team=charlie.team)
    assert not resendable(bob).exists()


def test_a_person_is_offered_what_they_may_see(
    alice: User, bob: User, charlie: User, fail: Fail, server: Channel
) -> None:
    fail(alice)
    fail(alice)
    fail(bob)
    assert [(each.channel, each.number) for each in offers_for(alice)] == [(server, 2)]
    assert [each.number for each in offers_for(bob)] == [3]
    assert offers_for(charlie) == []


# --- sending again ----------------------------------------------------------


def test_a_resend_is_the_same_letter_as_a_new_message(
    alice: User, fail: Fail, server: Channel, make_delivery: MakeDelivery
) -> None:
    thread = make_delivery(alice).message
    failed = fail(alice, subject="Offer", body="Text.\n\n-- \nAlice")
    old = failed.message
    Message.objects.filter(pk=old.pk).update(
        follows=thread, references=thread.message_id, from_name="Alice then"
    )
    EmailIdentity.objects.update(signature="Alice now")
    assert resend(server, by=alice) == 1
    new = Message.objects.get(resend_of=old)
    for field in ("subject", "body", "from_address", "identity", "conversation"):
        assert getattr(new, field) == getattr(old, field)
    assert new.body.count("-- ") == 1
    assert (new.from_name, new.follows, new.references) == (
        "Alice then",
        thread,
        thread.message_id,
    )
    assert new.message_id != old.message_id
    delivery = new.deliveries.get()
    assert (delivery.state, delivery.channel) == (State.QUEUED, server)
    assert delivery.recipient_wire == failed.recipient_wire
    assert delivery.return_token != failed.return_token
    failed.refresh_from_db()
    assert failed.state == State.FAILED, "what became of the first stays as it was"


def test_asking_twice_sends_once(alice: User, fail: Fail, server: Channel) -> None:
    fail(alice)
    assert resend(server, by=alice) == 1
    assert resend(server, by=alice) == 0
    assert offers_for(alice) == []
    assert Message.objects.exclude(resend_of=None).count() == 1


def test_a_second_click_while_the_first_is_at_work_says_that_it_was_sent_again(
    alice: User, fail: Fail, server: Channel
) -> None:
    fail(alice)
    fail(alice)
    jobs = [resending.resend(server, by=alice) for _ in range(2)]
    for job in jobs:
        assert job
        while bulk.turn(job.pk):
            pass
    reasons = [list(job.items.values_list("why", flat=True)) for job in jobs if job]
    assert reasons == [["", ""], ["It has been sent again before."] * 2]


def test_the_database_allows_one_resend_of_a_message(
    alice: User, fail: Fail, make_delivery: MakeDelivery
) -> None:
    old = fail(alice).message
    for _ in range(2):
        message = make_delivery(alice).message
        message.resend_of = old
        if Message.objects.filter(resend_of=old).exists():
            with pytest.raises(IntegrityError), transaction.atomic():
                message.save()
        else:
            message.save()


def test_a_resend_that_fails_too_can_be_resent_when_that_is_mended(
    alice: User, fail: Fail, server: Channel
) -> None:
    fail(alice)
    resend(server, by=alice)
    Delivery.objects.filter(state=State.QUEUED).update(
        state=State.FAILED,
        reason="channel_down",
        state_since=now() - timedelta(minutes=30),
    )
    assert resend(server, by=alice) == 1
    assert Message.objects.exclude(resend_of=None).count() == 2


def test_many_are_sent_again_in_several_turns(
    alice: User, fail: Fail, server: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_A_TIME", 2)
    for _ in range(5):
        fail(alice)
    assert resend(server, by=alice) == 5
    assert Delivery.objects.filter(state=State.QUEUED).count() == 5


def test_a_manager_resends_for_the_team_and_the_timeline_says_who(
    alice: User, bob: User, fail: Fail, server: Channel
) -> None:
    fail(alice)
    assert resend(server, by=bob) == 1
    delivery = Delivery.objects.get(state=State.QUEUED)
    assert delivery.sender == alice
    assert delivery.events.get().note == (
        "as Alice Acme <alice@acme.test>, again for Custom SMTP server, by Bob Acme"
    )


def test_a_member_resends_none_of_a_team_mates_mail(
    alice: User, bob: User, fail: Fail, server: Channel
) -> None:
    fail(bob)
    assert resend(server, by=alice) == 0


def test_one_channels_mending_says_nothing_of_another(
    alice: User, fail: Fail, server: Channel
) -> None:
    other = Channel.objects.create(kind="gmail", owner=alice)
    mend(other, alice)
    fail(alice)
    assert resend(other, by=alice) == 0


def test_the_work_is_announced_for_each_sender_on_commit(
    alice: User,
    bob: User,
    fail: Fail,
    server: Channel,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    told: list[tuple[int, ...]] = []
    monkeypatch.setattr(sending_again, "announce_lanes", told.extend)
    shared = Channel.objects.create(kind="smtp", team=alice.team, config=SETTINGS)
    mend(shared, bob)
    for sender in (alice, alice, bob):
        fail(sender, channel=shared)
    with django_capture_on_commit_callbacks(execute=True):
        resend(shared, by=bob)
        assert told == []
    assert sorted(told) == sorted([(shared.pk, alice.pk), (shared.pk, bob.pk)])


@pytest.mark.django_db(transaction=True)
def test_two_who_click_at_once_send_once(
    alice: User, bob: User, fail: Fail, server: Channel
) -> None:
    for _ in range(20):
        fail(alice)
    start = Barrier(2)

    def click(user: User) -> int:
        try:
            start.wait(timeout=30)
            return resend(server, by=user)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as hands:
        assert sum(hands.map(click, (alice, bob))) == 20
    assert Message.objects.exclude(resend_of=None).count() == 20


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_what_somebody_retries_at_this_moment_is_left_to_them(
    alice: User, bob: User, fail: Fail, server: Channel
) -> None:
    retried = fail(alice)
    fail(alice)

    def click() -> int:
        try:
            return resend(server, by=bob)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as hand:
        with transaction.atomic():
            assert carry_out(ACTIONS["retry"], [retried.pk], Order(alice)) == {}
            clicked = hand.submit(click)
        assert clicked.result(timeout=30) == 1
    assert Message.objects.exclude(resend_of=None).count() == 2


def test_a_resend_carries_the_formatted_text_and_the_files(
    fail: Fail, server: Channel, alice: User
) -> None:
    failed = fail(alice).message
    Message.objects.update(
        body_html="<p>Text.</p>", cc=[["", "carl@x.test"]], has_attachments=True
    )
    failed.attachments.create(
        owner=alice, name="a", content=b"a", size=1, digest="0", content_type="x"
    )
    resend(server, by=alice)
    again = Message.objects.get(resend_of=failed)
    assert again.body_html == "<p>Text.</p>"
    assert again.cc == [["", "carl@x.test"]]
    assert again.attachments.get() == failed.attachments.get()


def test_to_each_who_did_not_get_it_a_mail_with_copies_is_sent_again(
    fail: Fail, server: Channel, alice: User
) -> None:
    failed = fail(alice)
    Delivery.objects.create(
        message=failed.message,
        part=Delivery.Part.CC,
        recipient="carl@x.test",
        recipient_wire="carl@x.test",
        channel=server,
        sender=alice,
        team=alice.team,
        state=State.FAILED,
        state_since=failed.state_since,
        reason=failed.reason,
    )
    assert resend(server, by=alice) == 2
    again = Delivery.objects.filter(message__resend_of=failed.message)
    assert {each.recipient for each in again} == {failed.recipient, "carl@x.test"}
    assert {each.part for each in again} == {Delivery.Part.TO}


def test_what_was_sent_again_is_nobodys_work_any_more(alice: User, fail: Fail) -> None:
    failed = fail(alice)
    assert resend(failed.channel, by=alice) == 1
    failed.refresh_from_db()
    assert (failed.state, failed.triage) == (State.FAILED, Triage.RESOLVED)
    assert not Delivery.objects.visible_to(alice).unresolved().exists()


def test_who_reads_along_is_offered_too_when_the_other_was_sent_it_again(
    alice: User, fail: Fail
) -> None:
    to = fail(alice)
    cc = Delivery.objects.create(
        message=to.message,
        recipient="bert@customer.test",
        recipient_wire="bert@customer.test",
        part=Delivery.Part.CC,
        channel=to.channel,
        sender=alice,
        team=alice.team,
        state=State.FAILED,
        state_since=to.state_since,
        reason=to.reason,
    )
    queue(again(to), own_address(to), to.channel)
    assert list(resendable(alice)) == [cc]
    assert resend(cc.channel, by=alice) == 1
    assert not resendable(alice).exists()
