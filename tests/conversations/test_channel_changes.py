from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from channels.connecting import connected
from channels.disconnecting import disconnect
from channels.models import Allowance, Channel, EmailIdentity
from channels.pausing import pause, resume
from channels.routing import channel_for
from channels.transports import Transport, TransportError, Verdict
from conversations.delivering import deliver_lane
from conversations.models import Delivery
from conversations.models.state import State
from conversations.sweeping import sweep
from deliveryportal.accounts.models import User
from tests.channels.transports.test_smtp import settings_for
from tests.conversations.locks import somebody_waits_for_us
from tests.peers.scripted_smtp import ScriptedSmtp
from tests.portal import wait_until

MakeDelivery = Callable[..., Delivery]
WRONG_PASSWORD = {
    "EHLO": b"250-far.test\r\n250 AUTH CRAM-MD5",
    "AUTH": b"535 5.7.8 <b>wrong</b> password",
}


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Settings) -> None:
    settings.SMTP_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def own_server(user: User, server: ScriptedSmtp) -> Channel:
    config = settings_for(server, user="alice")
    return Channel.objects.create(
        kind="smtp",
        owner=user,
        config={name: config[name] for name in ("host", "port", "security", "user")},
        credentials={"password": "hunter2"},
    )


def test_a_refused_password_pauses_the_channel_and_keeps_the_mail(
    alice: User,
    make_delivery: MakeDelivery,
    as_user: Callable[[User], Client],
) -> None:
    with ScriptedSmtp(**WRONG_PASSWORD) as server:
        channel = own_server(alice, server)
        for _ in range(3):
            make_delivery(alice)
        Delivery.objects.update(channel=channel)
        deliver_lane(channel.pk, alice.pk)
        deliver_lane(channel.pk, alice.pk)
    assert server.connections == 1
    channel.refresh_from_db()
    assert channel.health == Channel.Health.PAUSED
    assert Delivery.objects.filter(state=State.QUEUED).count() == 3
    assert sweep().lanes == 0
    for path in (
        "/conversations/sent/",
        "/settings/identities/",
        "/conversations/new/",
    ):
        page = as_user(alice).get(path).content.decode()
        assert "Custom SMTP server stopped working" in page
        assert "&lt;b&gt;wrong&lt;/b&gt; password" in page
        assert "nothing is lost" in page
        assert "/settings/channel/connect/smtp/" in page


@pytest.mark.parametrize("tried", [False, True], ids=["never tried", "tried before"])
def test_days_that_a_mail_has_waited_for_a_password_are_not_days_of_trying(
    alice: User, make_delivery: MakeDelivery, tried: bool
) -> None:
    """Once it is mended, whoever cannot be reached at first is tried for two days."""
    first = make_delivery(alice)
    waited = make_delivery(alice, tried_since=now() if tried else None)
    with ScriptedSmtp(**WRONG_PASSWORD) as server:
        channel = own_server(alice, server)
        Delivery.objects.update(channel=channel)
        deliver_lane(channel.pk, alice.pk)
    assert set(Delivery.objects.values_list("tried_since", flat=True)) == {None}
    with (
        time_machine.travel(now() + timedelta(days=3)),
        ScriptedSmtp(RCPT=b"450 4.2.0 greylisted") as server,
    ):
        channel.config |= {"port": settings_for(server)["port"], "user": ""}
        channel.save()
        channel.refresh_from_db()
        resume(channel)
        deliver_lane(channel.pk, alice.pk)
        for each in (first, waited):
            each.refresh_from_db()
            assert each.state == State.QUEUED
            assert each.tried_since is not None


def test_a_mended_channel_tries_for_two_days_again_what_it_had_tried(
    alice: User, make_delivery: MakeDelivery
) -> None:
    """Also what was put off for its recipient's server when the channel broke."""
    channel = Channel.objects.create(kind="smtp", owner=alice, config={})
    put_off = make_delivery(alice, tried_since=now(), waiting_for="customer.test …")
    Delivery.objects.update(channel=channel)
    pause(channel, "535 wrong")
    resume(channel)
    put_off.refresh_from_db()
    assert put_off.tried_since is None


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_a_mended_channels_mail_is_locked_in_the_order_in_which_all_lock_it(
    alice: User, make_delivery: MakeDelivery
) -> None:
    """However the database comes to its rows: else a bulk action could deadlock."""
    channel = Channel.objects.create(kind="smtp", owner=alice, config={})
    first, second = make_delivery(alice), make_delivery(alice)
    for each, minutes in ((second, 1), (first, 2)):
        Delivery.objects.filter(pk=each.pk).update(
            channel=channel,
            tried_since=now(),
            waiting_for="customer.test …",
            not_before=now() + timedelta(minutes=minutes),
        )
    pause(channel, "535 wrong")

    def mend() -> None:
        try:
            resume(channel)
        finally:
            connection.close()

    locking = Delivery.objects.select_for_update(nowait=True)
    with ThreadPoolExecutor(1) as hand:
        with transaction.atomic():
            locking.get(pk=first.pk)
            mending = hand.submit(mend)
            wait_until(somebody_waits_for_us)
            locking.get(pk=second.pk)
        mending.result()
    assert set(Delivery.objects.values_list("waiting_for", flat=True)) == {""}


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (TransportError("busy", Verdict.CHANNEL_DOWN, code=421), True),
        (TransportError("wrong", Verdict.CHANNEL_BROKEN, code=535), False),
        (
            TransportError(
                "quota", Verdict.CHANNEL_DOWN, code=429, wait=timedelta(hours=20)
            ),
            False,
        ),
    ],
    ids=["a server that is down", "a password", "a limit of the provider"],
)
def test_what_waits_with_the_mail_that_was_tried_counts_its_days_like_that(
    alice: User,
    make_delivery: MakeDelivery,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    error: TransportError,
    counts: bool,
) -> None:
    settings.PORTAL_RELAY_URL = "smtp://127.0.0.1:25"
    for _ in range(3):
        make_delivery(alice)
    lane = Delivery.objects.first()
    assert lane

    def send(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(lane.channel.transport_class, "send_all", Transport.send_all)
    monkeypatch.setattr(lane.channel.transport_class, "send", send)
    deliver_lane(lane.channel_id, lane.sender_id)
    rows = Delivery.objects.filter(state=State.QUEUED).exclude(waiting_for="")
    begun = [since is not None for since in rows.values_list("tried_since", flat=True)]
    assert begun == [counts] * 3


def test_only_its_owner_is_told(
    alice: User, bob: User, as_user: Callable[[User], Client]
) -> None:
    Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={"host": "h", "port": "25"},
        health=Channel.Health.PAUSED,
        paused_because="wrong",
        paused_at=now(),
    )
    assert b"stopped working" not in as_user(bob).get("/conversations/sent/").content


@pytest.mark.django_db(transaction=True)
def test_once_mended_what_waited_goes_at_once(
    alice: User, make_delivery: MakeDelivery
) -> None:
    with ScriptedSmtp() as server:
        channel = own_server(alice, server)
        channel.config["user"] = ""
        channel.health = Channel.Health.PAUSED
        channel.save()
        delivery = make_delivery(
            alice,
            waiting_for="Custom SMTP server cannot take mail at the moment",
            not_before=now() + timedelta(hours=4),
        )
        Delivery.objects.update(channel=channel, channel_kind="smtp", tracked=False)
        connected(channel, by=alice)
        deliver_lane(channel.pk, alice.pk)
    delivery.refresh_from_db()
    assert delivery.state == State.ACCEPTED
    assert delivery.status == ("Handed over, not tracked", "quiet")


def test_what_waits_for_a_disconnected_channel_stands_under_failed(
    alice: User, make_delivery: MakeDelivery
) -> None:
    channel = Channel.objects.create(kind="smtp", owner=alice, config={})
    waiting = make_delivery(alice)
    sent = make_delivery(alice, state=State.ACCEPTED)
    Delivery.objects.update(channel=channel)
    Channel.objects.filter(pk=channel.pk).update(
        config={"host": "h", "port": "25", "security": "none"}
    )
    channel.refresh_from_db()
    disconnect(channel, by=alice)
    waiting.refresh_from_db()
    sent.refresh_from_db()
    assert (waiting.state, waiting.reason) == (State.FAILED, "channel_gone")
    assert "disconnected" in waiting.events.get().note
    assert sent.state == State.ACCEPTED


def test_whoever_disconnects_a_channel_is_told_how_much_will_not_be_sent(
    alice: User, make_delivery: MakeDelivery, as_user: Callable[[User], Client]
) -> None:
    channel = Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={"host": "h", "port": "25", "security": "none"},
    )
    make_delivery(alice)
    make_delivery(alice, not_before=now() + timedelta(days=1))
    make_delivery(alice, state=State.ACCEPTED)
    Delivery.objects.update(channel=channel)
    url = f"/settings/channel/{channel.uuid}/disconnect/"
    client = as_user(alice)
    page = client.get(url).content.decode()
    assert "2 mails that have not left yet will not be sent" in page

    late = make_delivery(alice)
    Delivery.objects.filter(pk=late.pk).update(channel=channel)
    page = client.post(url, {"accepted": "2"}).content.decode()
    assert "is not disconnected" in page
    assert "3 mails that have not left yet will not be sent" in page
    client.post(url, {"accepted": "3"})
    assert Delivery.objects.filter(reason="channel_gone").count() == 3


def test_over_the_limit_mail_waits_and_says_until_when(
    alice: User, make_delivery: MakeDelivery, as_user: Callable[[User], Client]
) -> None:
    with ScriptedSmtp() as server:
        channel = own_server(alice, server)
        channel.config["user"] = ""
        channel.save()
        for number in range(30):
            make_delivery(alice, f"p{number}@customer.test")
        Delivery.objects.update(channel=channel)
        deliver_lane(channel.pk, alice.pk)
        deliver_lane(channel.pk, alice.pk)
        assert sweep().lanes == 0, "a lane on hold is left alone"
    assert len(server.messages) == 25
    assert Delivery.objects.filter(state=State.QUEUED).count() == 5
    page = as_user(alice).get("/conversations/pending/").content.decode()
    assert "Waits for the limit of 25 messages every 45 seconds" in page


def test_what_comes_back_into_the_queue_of_a_gone_channel_fails_too(
    alice: User, make_delivery: MakeDelivery
) -> None:
    channel = Channel.objects.create(kind="smtp", owner=alice, disconnected_at=now())
    delivery = make_delivery(alice)
    Delivery.objects.update(channel=channel)
    sweep()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason) == (State.FAILED, "channel_gone")


def test_an_old_answer_does_not_pause_a_channel_that_was_just_mended(
    alice: User,
) -> None:
    channel = Channel.objects.create(kind="smtp", owner=alice)
    as_the_worker_knows_it = Channel.objects.get(pk=channel.pk)
    connected(channel, by=alice)
    assert not pause(as_the_worker_knows_it, "535 the old password")
    assert Channel.objects.get(pk=channel.pk).health == Channel.Health.WORKING


@pytest.mark.parametrize("words", ["busy", "try again in 600 seconds"])
def test_what_waits_for_a_server_that_is_down_leaves_once_another_is_connected(
    alice: User, make_delivery: MakeDelivery, words: str
) -> None:
    mail = make_delivery(alice)
    with ScriptedSmtp(banner=b"421 4.3.2 " + words.encode()) as server:
        channel = own_server(alice, server)
        channel.config["user"] = ""
        channel.save()
        Delivery.objects.update(channel=channel)
        deliver_lane(channel.pk, alice.pk)
    mail.refresh_from_db()
    channel.refresh_from_db()
    assert mail.not_before > now()
    assert channel.is_working
    with ScriptedSmtp() as another:
        channel.config["port"] = settings_for(another)["port"]
        channel.save()
        connected(channel, by=alice)
        deliver_lane(channel.pk, alice.pk)
    mail.refresh_from_db()
    assert mail.state == State.ACCEPTED


def test_mail_of_the_team_one_has_left_goes_by_the_default(
    alice: User, charlie: User
) -> None:
    identity = EmailIdentity.objects.get(owner=alice)
    identity.channel = Channel.objects.create(kind="smtp", team=charlie.team)
    identity.save()
    assert channel_for(identity) == Channel.objects.default()


def test_what_did_not_go_is_not_counted_against_the_limit(
    alice: User, make_delivery: MakeDelivery
) -> None:
    with ScriptedSmtp(banner=b"421 4.3.2 try again in 600 seconds") as server:
        channel = own_server(alice, server)
        channel.config["user"] = ""
        channel.save()
        for number in range(10):
            make_delivery(alice, f"p{number}@customer.test")
        Delivery.objects.update(channel=channel)
        deliver_lane(channel.pk, alice.pk)
        deliver_lane(channel.pk, alice.pk)
    assert server.connections == 1
    allowance = Allowance.objects.get()
    assert allowance.usage.in_24_hours(now()) == 0
    assert allowance.held_until is not None
    assert allowance.held_until > now() + timedelta(minutes=9)
