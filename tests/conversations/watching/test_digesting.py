"""Each morning, to managers who want it, what did not arrive."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import dramatiq
import pytest
import time_machine
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from channels.far_ends import session
from channels.models import Channel
from channels.pausing import pause
from conversations.models import Alert, Delivery, Digest
from conversations.models.state import State
from conversations.watching import digesting
from conversations.watching.digest_tasks import announce_digests
from conversations.watching.digesting import (
    link_to_switch_off,
    make_due,
    send,
    taken_to_announce,
)
from deliveryportal.accounts.models import AuditEntry, User

MakeDelivery = Callable[..., Delivery]
EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LONG = timedelta(minutes=6)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(EIGHT, tick=False) as clock:
        yield clock
    dramatiq.get_broker().flush("digests")


@pytest.fixture
def wanting(bob: User) -> User:
    bob.daily_digest = True
    bob.save()
    return bob


@pytest.fixture
def failure(alice: User, make_delivery: MakeDelivery) -> Delivery:
    return make_delivery(
        alice, state=State.FAILED, reason="address_unknown", state_since=now()
    )


def sweep_and_work() -> None:
    make_due(now())
    for pk in taken_to_announce(now()):
        send(pk)


def wants(manager: User) -> bool:
    return User.objects.filter(pk=manager.pk, daily_digest=True).exists()


def test_a_manager_is_told_once_what_failed_by_cause(
    wanting: User, failure: Delivery
) -> None:
    for _ in range(3):
        sweep_and_work()
    (letter,) = mail.outbox
    assert letter.to == [wanting.email]
    assert letter.subject == "1 new failed delivery"
    assert "1 x Address does not exist" in letter.body
    assert Digest.objects.get().state == Digest.State.SENT


def test_links_lead_into_the_lists(
    wanting: User, failure: Delivery, as_user: Callable[[User], Client]
) -> None:
    sweep_and_work()
    (letter,) = mail.outbox
    assert isinstance(letter, EmailMultiAlternatives)
    ((html, _),) = letter.alternatives
    links = re.findall(r'href="http://127.0.0.1:\d+([^"]+)"', str(html))
    assert len(links) == 4
    for link in links:
        assert as_user(wanting).get(link.replace("&amp;", "&")).status_code == 200


def test_what_is_older_than_a_day_and_undecided_is_told(
    wanting: User, alice: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(
        alice,
        state=State.BOUNCED,
        reason="mailbox_full",
        state_since=now() - timedelta(days=3),
    )
    sweep_and_work()
    assert mail.outbox[0].subject == "1 failed delivery undecided"
    assert "1 x Mailbox full, since 27 Feb" in mail.outbox[0].body


def test_channels_and_refusals_that_need_attention_are_told(
    wanting: User, alice: User
) -> None:
    channel = Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={"host": "smtp.<b>.test"},
        connected_at=now(),
    )
    pause(channel, "535 no")
    Alert.objects.create(
        team=alice.team,
        reason="sender_blocked",
        remote="big.test",
        since=now(),
        latest=now(),
    )
    sweep_and_work()
    (letter,) = mail.outbox
    assert isinstance(letter, EmailMultiAlternatives)
    assert letter.subject == "A delivery channel needs attention"
    assert "smtp.<b>.test of Alice Acme" in letter.body
    assert "big.test blocks our server or domain: 1 mail" in letter.body
    assert "smtp.&lt;b&gt;.test" in str(letter.alternatives)


def test_there_is_no_mail_when_there_is_nothing(wanting: User) -> None:
    sweep_and_work()
    sweep_and_work()
    assert not mail.outbox
    assert Digest.objects.get().state == Digest.State.NOTHING


def test_what_is_decided_or_anothers_is_nothing(
    wanting: User, charlie: User, make_delivery: MakeDelivery
) -> None:
    make_delivery(charlie, state=State.FAILED)
    make_delivery(wanting, state=State.FAILED, triage=Delivery.Triage.RESOLVED)
    sweep_and_work()
    assert not mail.outbox


def test_nobody_gets_one_who_has_not_asked_or_is_no_manager(
    bob: User, alice: User, charlie: User, failure: Delivery
) -> None:
    User.objects.filter(pk=alice.pk).update(daily_digest=True)
    User.objects.filter(pk=charlie.pk).update(daily_digest=True, is_active=False)
    sweep_and_work()
    assert not mail.outbox
    assert not Digest.objects.exists()


def test_morning_is_by_the_managers_own_clock(
    clock: time_machine.Traveller, wanting: User, failure: Delivery
) -> None:
    User.objects.filter(pk=wanting.pk).update(time_zone="America/New_York")
    for hour, number in ((8, 0), (12, 0), (13, 1), (15, 1)):
        clock.move_to(EIGHT.replace(hour=hour))
        sweep_and_work()
        assert len(mail.outbox) == number, hour
    assert Digest.objects.get().day == EIGHT.date()


def test_the_next_morning_has_its_own(
    clock: time_machine.Traveller, wanting: User, failure: Delivery
) -> None:
    sweep_and_work()
    clock.shift(timedelta(days=1))
    sweep_and_work()
    assert len(mail.outbox) == 2


def test_who_ticks_it_in_the_afternoon_waits_for_the_morning(
    clock: time_machine.Traveller, wanting: User, failure: Delivery
) -> None:
    clock.shift(timedelta(hours=6))
    sweep_and_work()
    assert not Digest.objects.exists()


def test_many_sweepers_announce_it_once_and_a_lost_one_comes_again(
    clock: time_machine.Traveller, wanting: User, failure: Delivery
) -> None:
    assert announce_digests(now()) == 1
    assert announce_digests(now()) == 0
    clock.shift(LONG)  # no worker has got it
    assert announce_digests(now()) == 1
    (pk,) = Digest.objects.values_list("pk", flat=True)
    for _ in range(2):  # announced twice, worked on twice
        send(pk)
    assert len(mail.outbox) == 1


def test_a_worker_that_dies_while_handing_over_doubles_nothing(
    clock: time_machine.Traveller,
    wanting: User,
    failure: Delivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Died(BaseException):
        """As a process ends: nothing catches it."""

    def die(*args: Any) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(
            "django.core.mail.backends.locmem.EmailBackend.send_messages", die
        )
        with pytest.raises(Died):
            sweep_and_work()
    clock.shift(LONG)
    sweep_and_work()
    assert not mail.outbox
    assert Digest.objects.get().state == Digest.State.HANDING_OVER


def test_a_worker_that_dies_before_loses_nothing(
    clock: time_machine.Traveller, wanting: User, failure: Delivery
) -> None:
    make_due(now())
    assert len(taken_to_announce(now())) == 1  # and its worker is gone
    clock.shift(LONG)
    sweep_and_work()
    assert len(mail.outbox) == 1


def test_a_relay_that_is_away_is_tried_again(
    clock: time_machine.Traveller,
    wanting: User,
    failure: Delivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*args: Any) -> None:
        raise ConnectionRefusedError

    with monkeypatch.context() as gone:
        gone.setattr("django.core.mail.backends.locmem.EmailBackend.open", away)
        sweep_and_work()
    assert Digest.objects.get().state == Digest.State.DUE
    clock.shift(LONG)
    sweep_and_work()
    assert len(mail.outbox) == 1


def test_while_others_are_mailed_it_waits_without_a_worker(
    clock: time_machine.Traveller, wanting: User, failure: Delivery, settings: Settings
) -> None:
    settings.FAR_END_SESSIONS = 1
    with session("digests", lambda: None):
        sweep_and_work()
    assert Digest.objects.get().state == Digest.State.DUE
    clock.shift(digesting.BUSY)
    sweep_and_work()
    assert len(mail.outbox) == 1


def test_what_the_relay_refuses_is_not_repeated(
    clock: time_machine.Traveller,
    wanting: User,
    failure: Delivery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*args: Any) -> None:
        raise SMTPServerDisconnected

    with monkeypatch.context() as refusing:
        refusing.setattr(
            "django.core.mail.backends.locmem.EmailBackend.send_messages", refuse
        )
        sweep_and_work()
    clock.shift(LONG)
    sweep_and_work()
    assert not mail.outbox
    assert Digest.objects.get().state == Digest.State.REFUSED


def test_a_day_that_nobody_swept_before_noon_has_none(
    clock: time_machine.Traveller, wanting: User, failure: Delivery
) -> None:
    make_due(now())
    clock.shift(timedelta(hours=5))
    sweep_and_work()
    assert not mail.outbox


def test_the_digest_says_how_it_is_switched_off(
    wanting: User, failure: Delivery, client: Client
) -> None:
    sweep_and_work()
    (letter,) = mail.outbox
    link = letter.extra_headers["List-Unsubscribe"].strip("<>")
    assert link in letter.body
    path = link[link.index("/conversations/") :]
    assert "Switch the daily digest off?" in client.get(path).content.decode()
    assert wants(wanting)  # mail scanners open links too
    # As mail programs do, by RFC 8058: no cookie, no token of a form.
    stranger = Client(enforce_csrf_checks=True)
    response = stranger.post(path, {"List-Unsubscribe": "One-Click"})
    assert "The daily digest is off" in response.content.decode()
    assert not wants(wanting)
    assert AuditEntry.objects.get(
        action="Switched the daily digest off"
    ).actor_name.startswith("Bob")


def test_a_link_that_is_not_ours_switches_nothing_off(
    wanting: User, client: Client
) -> None:
    link = link_to_switch_off(wanting)
    path = link[link.index("/conversations/") :].rstrip("/")
    response = client.post(f"{path[:-2]}xx/")
    assert response.status_code == 404
    assert "This link is not one of ours" in response.content.decode()
    assert client.delete(f"{path}/").status_code == 405
    assert wants(wanting)


def test_a_manager_asks_for_it_in_the_profile_and_a_member_is_not_offered_it(
    bob: User, alice: User, as_user: Callable[[User], Client]
) -> None:
    url = "/settings/profile/"
    assert "digest" not in as_user(alice).get(url).content.decode()
    as_user(alice).post(url, {"name": "Alice", "daily_digest": "on"})
    as_user(bob).post(url, {"name": "Bob", "daily_digest": "on"})
    wants = dict(User.objects.values_list("name", "daily_digest"))
    assert wants == {"Alice": False, "Bob": True}
    assert digesting.HOURS.start == 8
