"""What an operator does from the lists of Django admin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from channels.models import Channel, EmailIdentity
from channels.pausing import pause
from conversations.blocking import suppress_address
from conversations.models import Alert, Delivery, Hold, Report
from conversations.models.state import State, Triage
from conversations.sweeping import sweep
from deliveryportal.accounts.inviting import invite
from deliveryportal.accounts.models import AuditEntry, Invitation, User
from tests.conftest import PASSWORD, delivery_by

MakeDelivery = Callable[..., Delivery]
Act = Callable[..., str]


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create_superuser("op@portal.test", PASSWORD)


@pytest.fixture
def act(operator: User, as_user: Callable[[User], Client]) -> Act:
    """Tick the rows, choose the action, and perhaps answer its question."""
    client = as_user(operator)

    def act(action: str, *rows: models.Model, **answers: str) -> str:
        name = rows[0]._meta.label_lower.replace(".", "_")
        response = client.post(
            reverse(f"admin:{name}_changelist"),
            {"action": action, "_selected_action": [row.pk for row in rows], **answers},
            follow=True,
        )
        assert response.status_code == 200
        return " ".join(response.content.decode().split())

    return act


def logged() -> list[str]:
    """What the audit log has kept of it, the latest first; all by the operator."""
    found = AuditEntry.objects.filter(area=AuditEntry.Area.ADMIN).order_by("-pk")
    assert {entry.actor_name for entry in found} <= {"op <op@portal.test>"}
    return [entry.details["what"] for entry in found]


def test_what_did_not_arrive_is_sent_again_once_it_is_confirmed(
    act: Act, alice: User, make_delivery: MakeDelivery
) -> None:
    failed = make_delivery(alice, state=State.FAILED, reason="server_unreachable")
    page = act("requeue", failed)
    assert "is sent again" in page
    assert not failed.message.resends.exists()
    page = act("requeue", failed, confirmed="yes")
    assert "1 sent again." in page
    (again,) = failed.message.resends.all()
    assert again.sender == alice
    assert again.deliveries.get().state == State.QUEUED
    assert "Sent again" in logged()
    assert "It has been sent again before." in act("requeue", failed, confirmed="yes")
    assert failed.message.resends.count() == 1


def test_of_several_what_its_people_have_decided_about_is_left_to_them(
    act: Act, alice: User, make_delivery: MakeDelivery
) -> None:
    failed, phoned = (
        make_delivery(alice, state=State.FAILED, reason="mailbox_full", triage=triage)
        for triage in (Triage.OPEN, Triage.RESOLVED)
    )
    words = "Somebody has decided about it: Resolved."
    assert words in act("requeue", failed, phoned)
    assert words in act("requeue", failed, phoned, confirmed="yes")
    assert [each.message.resends.count() for each in (failed, phoned)] == [1, 0]


def test_what_the_team_of_each_does_not_write_to_is_not_sent_again(
    act: Act,
    alice: User,
    bob: User,
    charlie: User,
    operator: User,
    make_delivery: MakeDelivery,
) -> None:
    """Whatever the operator's own team, or another one, suppresses."""
    User.objects.filter(pk=operator.pk).update(team=charlie.team)
    ours, theirs = "anna@customer.test", "bert@customer.test"
    suppress_address(ours, by=bob, note="")
    suppress_address(theirs, by=charlie, note="")
    failed = [
        make_delivery(alice, each, state=State.FAILED, reason="mailbox_full")
        for each in (ours, theirs)
    ]
    page = act("requeue", *failed, confirmed="yes")
    assert "1 sent again." in page
    assert [each.message.resends.count() for each in failed] == [0, 1]


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        (State.UNCONFIRMED, "unconfirmed", "did not say to send it again"),
        (State.ACCEPTED, "", "is not for mail that stands as"),
        (State.COMPLAINED, "complaint", "is not for mail that stands as"),
        (State.FAILED, "address_unknown", "cannot help"),
        (State.QUEUED, "", "is not for mail that stands as"),
    ],
)
def test_what_may_have_arrived_or_cannot_is_left_alone(
    act: Act,
    alice: User,
    make_delivery: MakeDelivery,
    state: State,
    reason: str,
    why: str,
) -> None:
    delivery = make_delivery(alice, state=state, reason=reason)
    assert "is left alone" in act("requeue", delivery)
    assert why in act("requeue", delivery, confirmed="yes")
    assert not delivery.message.resends.exists()
    assert not logged()


def test_a_dead_workers_mail_is_taken_from_it(
    act: Act, alice: User, make_delivery: MakeDelivery
) -> None:
    lease: dict[str, Any] = {"lease": "x", "lease_until": now() + timedelta(minutes=9)}
    waiting = make_delivery(alice)
    handing = make_delivery(alice, state=State.HANDING_OVER, **lease)
    done = make_delivery(alice, state=State.ACCEPTED)
    page = act("end_leases", waiting, handing, done)
    assert "no worker has it in hand" in page
    assert "becomes Unconfirmed" in page
    assert "1 ended." in act("end_leases", waiting, handing, done, confirmed="yes")
    sweep()
    states = dict(Delivery.objects.values_list("pk", "state"))
    assert states == {
        waiting.pk: State.QUEUED,
        handing.pk: State.UNCONFIRMED,
        done.pk: State.ACCEPTED,
    }


def test_a_persons_mail_is_paused_with_a_reason_and_resumed(
    act: Act, alice: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(alice)
    assert "The people whose mail waits read this." in act("pause_mail", alice)
    assert "This field is required." in act("pause_mail", alice, confirmed="yes")
    act("pause_mail", alice, confirmed="yes", because="Account taken over")
    act("pause_mail", alice, confirmed="yes", because="Account taken over")
    held = Hold.objects.get()
    assert (held.scope, held.sender, held.lifted_at) == ("sender", alice, None)
    assert not Delivery.objects.startable(now()).exists()
    assert "Pauses lifted: 1." in act("resume_mail", alice)
    assert Delivery.objects.startable(now()).exists()
    assert logged() == ["Mail resumed", "Mail paused: Account taken over"]


def test_a_channels_mail_is_paused_and_resumed(act: Act, alice: User) -> None:
    channel = Channel.objects.create(kind="smtp", owner=alice)
    act("pause_mail", channel, confirmed="yes", because="Moving house")
    assert Hold.objects.in_force(now()).get().channel == channel
    act("resume_mail", channel)
    assert not Hold.objects.in_force(now()).exists()


def test_a_channel_that_stopped_working_is_tried_again(act: Act, alice: User) -> None:
    channel = Channel.objects.create(kind="smtp", owner=alice, connected_at=now())
    pause(channel, "535 no")
    waiting = delivery_by(
        channel,
        alice,
        state=State.QUEUED,
        waiting_for="the channel",
        not_before=now() + timedelta(hours=8),
    )
    assert "1 tried again" in act("try_again", channel)
    channel.refresh_from_db()
    waiting.refresh_from_db()
    assert waiting.not_before <= now()  # what waited for it goes at once
    assert channel.is_working
    assert channel.paused_because == ""
    assert "Left alone: 1. They work" in act("try_again", channel)


def test_an_identity_is_verified_by_the_operator(act: Act, alice: User) -> None:
    identity = EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Sales"
    )
    assert "Verified: 1." in act("verify", identity)
    identity.refresh_from_db()
    assert identity.is_verified
    assert logged() == ["Verified by the operator"]
    noted = AuditEntry.objects.get(action="Verified an email identity")
    assert (noted.actor_name, noted.team) == ("op <op@portal.test>", alice.team)


def test_account_mail_is_mailed_again(act: Act, alice: User, bob: User) -> None:
    identity = EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Sales"
    )
    address = EmailAddress.objects.create(user=alice, email=alice.email)
    invite(manager=bob, email="dora@acme.test")
    invitation = Invitation.objects.get()
    old = invitation.token_digest
    act("mail_link", identity)
    act("mail_link", address)
    act("mail_again", invitation)
    act("mail_reset", alice)
    assert [each.to for each in mail.outbox] == [
        ["sales@acme.test"],
        [alice.email],
        ["dora@acme.test"],
        [alice.email],
    ]
    invitation.refresh_from_db()
    assert invitation.token_digest != old
    assert len(logged()) == 4
    said = "Left alone: 1. They are verified, and need no link."
    EmailIdentity.objects.filter(pk=identity.pk).update(verified_at=now())
    assert said in act("mail_link", identity)
    assert "Left alone: 1. They were verified before." in act("verify", identity)
    EmailAddress.objects.filter(pk=address.pk).update(verified=True)
    assert said in act("mail_link", address)
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=now())
    assert "Left alone: 1. They were accepted" in act("mail_again", invitation)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert "Left alone: 1. They are not active" in act("mail_reset", alice)
    (invited,) = AuditEntry.objects.filter(actor__email="op@portal.test").filter(
        action="Invited a person"
    )
    assert invited.team == bob.team


def test_what_is_done_to_a_team_s_own_stands_in_the_history_of_that_team_alone(
    act: Act, alice: User, bob: User
) -> None:
    suppression = suppress_address("anna@customer.test", by=bob, note="")
    alert = an_alert(bob)
    act("release_these", suppression)
    act("close", alert)
    done = AuditEntry.objects.filter(actor__email="op@portal.test")
    assert {entry.action for entry in done} > {"Released", "Closed an alert"}
    assert {entry.team for entry in done.exclude(action="Founded the team")} == {
        alice.team
    }


def an_alert(manager: User) -> Alert:
    return Alert.objects.create(
        team=manager.team,
        reason="sender_blocked",
        remote="bigco.test",
        since=now(),
        latest=now(),
    )


def test_who_may_only_look_is_offered_none_of_it(
    operator: User,
    act: Act,
    alice: User,
    bob: User,
    make_delivery: MakeDelivery,
) -> None:
    alert = an_alert(bob)
    unread = Report.objects.create(
        raw=b"", source="smtp", digest="1", state=Report.State.UNREADABLE
    )
    failed = make_delivery(alice, state=State.FAILED, reason="server_unreachable")
    User.objects.filter(pk=operator.pk).update(is_superuser=False)
    operator.user_permissions.set(
        Permission.objects.filter(codename__startswith="view_")
    )
    for action in ("requeue", "end_leases"):
        assert "is sent again" not in act(action, failed)
        act(action, failed, confirmed="yes")
    for row in (alice, failed.channel):
        act("pause_mail", row, confirmed="yes", because="x")
    act("close", alert)
    act("read_again", unread)
    assert Alert.objects.open().exists()
    assert Report.objects.get().state == Report.State.UNREADABLE
    assert not failed.message.resends.exists()
    assert not Hold.objects.exists()
