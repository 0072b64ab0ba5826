from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from conversations.models import Delivery, Draft, Message
from conversations.models.state import State
from conversations.triage.actions import ACTIONS
from conversations.triage.carrying_out import carry_out
from conversations.triage.order import Order
from conversations.writing.merging import read_people
from deliveryportal.accounts.models import User

SignIn = Callable[[User], Client]
Make = Callable[..., Delivery]

NEW = "/conversations/new/"


@pytest.fixture(autouse=True)
def ten_seconds(settings: Settings) -> None:
    settings.UNDO_SECONDS = 10


def send(client: Client, **fields: str) -> None:
    client.post(
        NEW,
        {
            "submission": str(uuid4()),
            "to": "Anna <anna@customer.test>",
            "subject": "Hello",
            "body": "Text.",
            **fields,
        },
    )


def test_send_waits_ten_seconds_and_undo_makes_a_draft_of_it(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    send(client, cc="carl@customer.test")
    message = Message.objects.get()
    for delivery in message.deliveries.all():
        wait = delivery.not_before - delivery.created_at
        assert timedelta(seconds=9) < wait <= timedelta(seconds=10)
    assert b"Undo" in client.get(message.get_absolute_url()).content
    response = client.post(f"{message.get_absolute_url()}take-back/", follow=True)
    assert b"It was taken back. Nothing was sent" in response.content
    assert not Message.objects.exists()
    assert not Delivery.objects.exists()
    draft = Draft.objects.of(alice).get()
    assert (draft.to, draft.cc) == ("Anna <anna@customer.test>", "carl@customer.test")


def test_who_does_not_want_undo_sends_at_once(alice: User, as_user: SignIn) -> None:
    User.objects.filter(pk=alice.pk).update(can_undo=False)
    send(as_user(alice))
    assert Delivery.objects.get().not_before <= now()


def test_what_was_taken_back_is_sent_again_from_its_draft(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    send(client)
    client.post(f"{Message.objects.get().get_absolute_url()}take-back/")
    draft = Draft.objects.get()
    send(client, submission=str(draft.uuid), version=str(draft.version))
    assert Message.objects.get().submission == draft.uuid
    assert not Draft.objects.of(alice).exists()


def test_who_presses_twice_is_led_to_the_draft_all_the_same(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    send(client)
    message = Message.objects.get()
    submission = f'value="{message.submission}"'
    assert submission in client.get(message.get_absolute_url()).text
    posted = {"submission": str(message.submission)}
    for url in (
        f"{message.get_absolute_url()}take-back/",
        f"{message.get_absolute_url()}take-back/",
        f"/conversations/undo/{message.submission}/",
    ):
        page = client.post(url, posted, follow=True)
        draft = Draft.objects.of(alice).get()
        assert page.redirect_chain == [(draft.get_absolute_url(), 302)]
    assert "It was taken back already. Nothing was sent" in page.text


def test_so_is_who_presses_twice_for_mail_that_came_from_no_form(
    alice: User, as_user: SignIn, make_delivery: Make
) -> None:
    client, message = as_user(alice), make_delivery(alice).message
    url = f"{message.get_absolute_url()}take-back/"
    pages = [client.post(url, follow=True) for _ in range(2)]
    draft = Draft.objects.of(alice).get()
    assert pages[1].redirect_chain == [(draft.get_absolute_url(), 302)]
    assert "It was taken back already. Nothing was sent" in pages[1].text


def test_who_takes_back_what_was_cancelled_among_others_is_told_so(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    send(client)
    [delivery] = Delivery.objects.select_related("message")
    assert carry_out(ACTIONS["cancel"], [delivery.pk], Order(alice)) == {}
    url = f"/conversations/undo/{delivery.message.submission}/"
    page = client.post(url, follow=True)
    assert page.redirect_chain == [("/conversations/drafts/", 302)]
    assert "had been taken back already" in page.text


@pytest.mark.parametrize("state", [State.HANDING_OVER, State.ACCEPTED])
def test_what_has_begun_to_leave_is_left_alone_and_that_is_said(
    alice: User, as_user: SignIn, make_delivery: Make, state: State
) -> None:
    held = {"lease": "x", "lease_until": now()} if state != State.ACCEPTED else {}
    message = make_delivery(alice, state=state, **held).message
    response = as_user(alice).post(
        f"{message.get_absolute_url()}take-back/", follow=True
    )
    assert b"Too late" in response.content
    assert Message.objects.filter(pk=message.pk).exists()
    assert b">Undo<" not in response.content


def test_what_was_tried_and_put_off_can_be_taken_back_as_well(
    alice: User, as_user: SignIn, make_delivery: Make
) -> None:
    """Its channel may never work again."""
    message = make_delivery(alice, attempts=1, waiting_for="Gmail").message
    page = as_user(alice).get(message.get_absolute_url())
    assert b">Edit<" in page.content
    as_user(alice).post(f"{message.get_absolute_url()}take-back/")
    assert not Message.objects.filter(pk=message.pk).exists()
    assert Draft.objects.of(alice).get().subject == message.subject


def test_a_message_with_one_copy_on_its_way_is_not_taken_back_by_half(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    send(client, bcc="carl@customer.test")
    message = Message.objects.get()
    Delivery.objects.filter(part="bcc").update(
        state=State.HANDING_OVER, lease="x", lease_until=now()
    )
    client.post(f"{message.get_absolute_url()}take-back/")
    assert message.deliveries.count() == 2


def test_of_a_list_that_has_left_in_part_the_others_are_taken_back(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    submission = str(uuid4())
    people = "email;name\nannika@c.test;Annika\nbert@c.test;Bert"
    send(client, submission=submission, people=people, subject="For {{name}}")
    Delivery.objects.filter(recipient="annika@c.test").update(state=State.ACCEPTED)
    response = client.post(f"/conversations/undo/{submission}/", follow=True)
    assert b"1 had left already and stay sent. The other 2" in response.content
    draft = Draft.objects.of(alice).get()
    assert draft.to == '"Anna" <anna@customer.test>'
    assert "bert@c.test\tBert" in draft.people
    assert "annika@c.test" not in draft.people
    assert draft.subject == "For {{name}}"
    assert Message.objects.get().subject == "For Annika"
    again = client.post(f"/conversations/undo/{submission}/", follow=True)
    assert b"1 had left already and stay sent. The others had been" in again.content
    assert b"Nothing was sent" not in again.content
    assert again.redirect_chain[-1][0] == draft.get_absolute_url()


def test_all_of_a_list_are_kept_where_its_form_is_forgotten(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    submission = str(uuid4())
    send(client, submission=submission, to="anna@c.test, bert@c.test, carl@c.test")
    Delivery.objects.filter(recipient="anna@c.test").update(state=State.ACCEPTED)
    Draft.objects.all().delete()  # a day after it should have left
    response = client.post(f"/conversations/undo/{submission}/", follow=True)
    assert b"1 had left already and stay sent. The other 2" in response.content
    recipients = sorted(draft.to for draft in Draft.objects.of(alice))
    assert recipients == ["bert@c.test", "carl@c.test"]
    assert Message.objects.get().conversation.person_address == "anna@c.test"


def test_of_a_list_with_quotes_in_it_nobody_is_lost(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    submission = str(uuid4())
    people = 'email;company\na@c.test;"""Best"\nb@c.test;B\nd@c.test;"Say ""D"""'
    send(client, submission=submission, to="", people=people)
    Delivery.objects.filter(recipient="b@c.test").update(state=State.ACCEPTED)
    client.post(f"/conversations/undo/{submission}/")
    draft = Draft.objects.of(alice).get()
    known = [
        (each.address.shown, each.fields["company"])
        for each in read_people(draft.people)
    ]
    assert known == [("a@c.test", '"Best'), ("d@c.test", 'Say "D"')]


def test_one_of_a_list_is_taken_back_alone_with_its_own_words(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    alice.identities.update(signature="Alice")
    send(client, to="Anna <anna@c.test>, Bert <bert@c.test>", body="Dear {{name}}")
    anna = Message.objects.get(deliveries__recipient="anna@c.test")
    client.post(f"{anna.get_absolute_url()}take-back/")
    assert Message.objects.count() == 1
    draft = Draft.objects.of(alice).get()
    assert (draft.to, draft.body) == ('"Anna" <anna@c.test>', "Dear Anna")


def test_one_who_was_taken_back_before_is_in_one_draft_only(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    submission = str(uuid4())
    send(client, submission=submission, to="anna@c.test, bert@c.test")
    anna = Message.objects.get(conversation__person_address="anna@c.test")
    client.post(f"{anna.get_absolute_url()}take-back/")
    client.post(f"/conversations/undo/{submission}/")
    assert not Message.objects.exists()
    recipients = sorted(draft.to for draft in Draft.objects.of(alice))
    assert recipients == ["anna@c.test", "bert@c.test"]


def test_what_was_scheduled_is_edited_or_cancelled(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    User.objects.filter(pk=alice.pk).update(time_zone="Europe/Berlin")
    send(client, send_at="2099-07-01T08:00")
    message = Message.objects.get()
    page = client.get(message.get_absolute_url()).content.decode()
    assert "It leaves on 1 Jul 2099, 08:00 (CEST)" in page
    assert "Either makes it a draft at once" in page
    response = client.post(
        f"{message.get_absolute_url()}take-back/", {"cancel": "1"}, follow=True
    )
    assert response.redirect_chain[-1][0] == "/conversations/drafts/"
    assert Draft.objects.of(alice).get().send_at == "2099-07-01T08:00"


@pytest.mark.parametrize(
    "ago", [timedelta(minutes=4), timedelta(seconds=1), timedelta(seconds=-5)]
)
def test_a_time_that_has_just_come_means_at_once_and_can_be_undone_like_it(
    alice: User, as_user: SignIn, ago: timedelta
) -> None:
    client = as_user(alice)
    send(client, send_at=f"{now() - ago:%Y-%m-%dT%H:%M:%S}")
    [delivery] = Delivery.objects.all()
    wait = delivery.not_before - delivery.created_at
    assert timedelta(seconds=9) < wait <= timedelta(seconds=10)
    assert b"Undo" in client.get(delivery.message.get_absolute_url()).content


@pytest.mark.parametrize("typed", ["2020-01-01T08:00", "0026-01-01T08:00"])
def test_a_time_that_is_past_may_be_a_slip_and_is_asked_about_once(
    alice: User, as_user: SignIn, typed: str
) -> None:
    User.objects.filter(pk=alice.pk).update(can_undo=False)
    client = as_user(alice)
    form = {"to": "anna@customer.test", "subject": "Offer", "submission": str(uuid4())}
    asked = client.post(NEW, {**form, "send_at": typed}).content.decode()
    assert "the time you named has passed" in asked
    assert f'name="told" value="{typed}"' in asked
    assert not Message.objects.exists()
    other = "2020-02-02T08:00"
    client.post(NEW, {**form, "send_at": other, "told": typed})
    assert not Message.objects.exists(), "that was said of another time"
    client.post(NEW, {**form, "send_at": typed, "told": typed})
    assert now() - Delivery.objects.get().not_before < timedelta(minutes=1)


def test_a_form_that_comes_again_by_a_clock_behind_is_the_same(
    alice: User, as_user: SignIn
) -> None:
    fields = {"to": "anna@customer.test", "subject": "Hello", "body": "Text."}
    form = fields | {"submission": str(uuid4())}
    client = as_user(alice)
    first = client.post(NEW, form)
    with time_machine.travel(now() - timedelta(seconds=3), tick=False):
        again = client.post(NEW, form)
    assert (again.status_code, again.url) == (302, first.url)  # type: ignore[attr-defined]
    assert Message.objects.count() == 1


def test_a_form_that_comes_again_after_its_time_is_not_said_to_be_unsent(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    form = {"to": "anna@customer.test", "subject": "Offer", "submission": str(uuid4())}
    soon = {**form, "send_at": f"{now() + timedelta(minutes=1):%Y-%m-%dT%H:%M}"}
    client.post(NEW, soon)
    with time_machine.travel(now() + timedelta(hours=1)):
        again = client.post(NEW, soon)
    assert again.status_code == 302
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("send_at", "words"),
    [
        ("tomorrow", "This is no date and time"),
        ("2026-01-01T08:00+02:00", "This is no date and time"),
        ("9999-12-31T23:59", "Mail can wait until the end of 2100"),
        ("2027-03-28T02:30", "There is no 02:30 on 28 March 2027 in Europe/Berlin"),
    ],
)
def test_a_time_that_is_none_is_refused_and_what_was_written_kept(
    alice: User, as_user: SignIn, send_at: str, words: str
) -> None:
    User.objects.filter(pk=alice.pk).update(time_zone="Europe/Berlin")
    client = as_user(alice)
    send(client, send_at=send_at)
    assert not Message.objects.exists()
    draft = Draft.objects.of(alice).get()
    assert draft.send_at == send_at
    page = client.post(
        NEW, {"to": "a@b.test", "send_at": send_at, "submission": str(uuid4())}
    )
    assert words in page.content.decode()


def test_nobody_else_takes_it_back(
    alice: User, bob: User, charlie: User, as_user: SignIn
) -> None:
    send(as_user(alice))
    message = Message.objects.get()
    for other in (bob, charlie):
        client = as_user(other)
        for url in (
            f"{message.get_absolute_url()}take-back/",
            f"/conversations/undo/{message.submission}/",
        ):
            assert client.post(url).status_code == 404
            assert client.get(url).status_code == 405
    assert b">Undo<" not in as_user(bob).get(message.get_absolute_url()).content
