from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from conversations.models import Attachment, Delivery, Draft, Message
from conversations.models.state import State, Triage
from conversations.triage import sending_again
from conversations.triage.actions import ACTIONS
from conversations.triage.carrying_out import carry_out
from conversations.triage.order import Order
from conversations.writing.reworking import rework
from deliveryportal.accounts.models import AuditEntry, User
from tests.conversations.locks import somebody_waits_for_us
from tests.portal import wait_until

MakeDelivery = Callable[..., Delivery]
SignIn = Callable[[User], Client]


@pytest.fixture
def refused(alice: User, make_delivery: MakeDelivery) -> Delivery:
    """What their server found too big, with the file that made it so."""
    refused = make_delivery(
        alice,
        subject="Offer",
        body="See the file.",
        state=State.FAILED,
        reason="message_too_big",
    )
    file = Attachment.objects.create(
        owner=alice, name="offer.pdf", size=1, digest="x", content=b"x"
    )
    refused.message.attachments.add(file)
    return refused


def path(delivery: Delivery) -> str:
    return reverse("conversations:rework", args=[delivery.uuid])


def send(client: Client, draft: Draft, **fields: str) -> None:
    form = {"submission": str(draft.uuid), "version": "1", "to": draft.to, **fields}
    client.post(draft.get_absolute_url(), form)


def test_it_opens_as_a_draft_with_its_words_and_files(
    alice: User, refused: Delivery, as_user: SignIn
) -> None:
    client = as_user(alice)
    page = client.get(refused.message.get_absolute_url())
    assert f'action="{path(refused)}"' in page.text
    page = client.post(path(refused), follow=True)
    draft = Draft.objects.get()
    assert page.redirect_chain == [(draft.get_absolute_url(), 302)]
    assert (draft.to, draft.subject) == ("anna@customer.test", "Offer")
    assert "offer.pdf" in page.text
    assert Message.objects.count() == 1, "nothing is sent"
    client.post(path(refused))
    assert Draft.objects.get() == draft, "the one that was begun"


def test_what_is_sent_instead_is_linked_and_settles_the_failure(
    alice: User, refused: Delivery, as_user: SignIn
) -> None:
    client = as_user(alice)
    client.post(path(refused))
    send(client, Draft.objects.get(), subject="Offer", body="Here is a link.")
    again = Message.objects.get(resend_of=refused.message)
    assert "Here is a link." in again.body
    assert not again.has_attachments
    refused.refresh_from_db()
    assert refused.triage == Triage.RESOLVED
    assert path(refused) not in client.get(refused.message.get_absolute_url()).text
    [entry] = AuditEntry.objects.filter(area=AuditEntry.Area.TRIAGE)
    assert (entry.action, entry.subject, entry.actor) == (
        "Sent other words instead",
        refused.recipient,
        alice,
    )


def test_undo_leaves_the_failure_open_and_what_is_sent_then_settles_it(
    alice: User, refused: Delivery, as_user: SignIn, settings: Settings
) -> None:
    settings.UNDO_SECONDS = 10
    client = as_user(alice)
    client.post(path(refused))
    send(client, Draft.objects.get(), subject="Offer", body="Here is a link.")
    again = Message.objects.get(resend_of=refused.message)
    client.post(reverse("conversations:take_back", args=[again.uuid]))
    refused.refresh_from_db()
    assert refused.triage == Triage.OPEN
    entry = AuditEntry.objects.get(action="Took back what was sent instead")
    assert (entry.subject, entry.actor) == (refused.recipient, alice)
    page = client.get(refused.message.get_absolute_url()).text
    assert "Open again: what was sent instead was taken back." in page
    assert path(refused) in page
    draft = Draft.objects.of(alice).get()
    send(client, draft, subject="Offer", version=str(draft.version))
    refused.refresh_from_db()
    assert refused.triage == Triage.RESOLVED


def settles(draft: Draft, refused: Delivery, client: Client) -> bool:
    """Whether sending the draft links it to the failure, and resolves that."""
    refused.refresh_from_db()
    assert refused.triage == Triage.OPEN
    send(client, draft, subject="Offer", version=str(draft.version))
    refused.refresh_from_db()
    again = Message.objects.filter(resend_of=refused.message)
    return refused.triage == Triage.RESOLVED and again.count() == 1


@pytest.mark.parametrize("forgotten", [False, True])
def test_what_was_cancelled_among_others_settles_the_failure_when_it_is_sent_then(
    alice: User, refused: Delivery, as_user: SignIn, forgotten: bool
) -> None:
    client = as_user(alice)
    client.post(path(refused))
    send(client, Draft.objects.get(), subject="Offer", send_at="2099-07-01T08:00")
    if forgotten:
        Draft.objects.all().delete()
    again = Delivery.objects.get(message__resend_of=refused.message)
    assert carry_out(ACTIONS["cancel"], [again.pk], Order(alice)) == {}
    assert settles(Draft.objects.of(alice).get(), refused, client)


def test_so_does_a_retry_that_was_cancelled_before_it_left(
    alice: User, refused: Delivery, as_user: SignIn
) -> None:
    other, order = also_failed_for_bert(refused), Order(alice)
    Delivery.objects.filter(pk=refused.pk).update(reason="mailbox_full")
    assert carry_out(ACTIONS["retry"], [other.pk, refused.pk], order) == {}
    again = Delivery.objects.get(
        message__resend_of=refused.message, recipient=refused.recipient
    )
    assert carry_out(ACTIONS["cancel"], [again.pk], order) == {}
    draft = Draft.objects.of(alice).get()
    assert draft.instead_of == refused
    refused.refresh_from_db()
    assert refused.triage == Triage.OPEN
    send(as_user(alice), draft, subject="Offer")
    refused.refresh_from_db()
    assert refused.triage == Triage.RESOLVED
    assert Message.objects.filter(resend_of=refused.message).count() == 2


def test_so_does_what_another_tab_has_made_a_draft_of_its_own(
    alice: User, refused: Delivery, as_user: SignIn
) -> None:
    client = as_user(alice)
    client.post(path(refused))
    draft = Draft.objects.get()
    form = {"submission": str(draft.uuid), "version": "1", "to": draft.to}
    for tab in ("One", "Another"):
        client.post(reverse("conversations:save_draft"), {**form, "body": tab})
    assert settles(Draft.objects.get(body="Another"), refused, client)


def test_what_was_decided_otherwise_stays_so_when_a_mail_is_taken_back(
    alice: User, refused: Delivery, as_user: SignIn, settings: Settings
) -> None:
    """Of two readers of one mail only one was written to again."""
    settings.UNDO_SECONDS = 10
    other = Delivery.objects.get(pk=refused.pk)
    other.pk, other.uuid, other.return_token = None, UUID(int=2), "another"
    other.recipient = other.recipient_wire = "bert@customer.test"
    other.triage = Triage.RESOLVED
    other._state.adding = True
    other.save()
    client = as_user(alice)
    client.post(path(refused))
    send(client, Draft.objects.get(), subject="Offer", body="Here is a link.")
    again = Message.objects.get(resend_of=refused.message)
    client.post(reverse("conversations:take_back", args=[again.uuid]))
    refused.refresh_from_db()
    other.refresh_from_db()
    assert (refused.triage, other.triage) == (Triage.OPEN, Triage.RESOLVED)


def test_of_what_was_sent_again_meanwhile_the_writer_is_told_and_it_is_not_linked_twice(
    alice: User, refused: Delivery, as_user: SignIn
) -> None:
    client = as_user(alice)
    client.post(path(refused))
    draft = Draft.objects.get()
    resend = sending_again.again(refused)
    resend.save()
    form = {"submission": str(draft.uuid), "to": draft.to, "subject": "Other words"}
    asked = client.post(draft.get_absolute_url(), {**form, "version": "1"}).text
    assert "has been sent again meanwhile to anna@customer.test" in asked
    told = "sent again to anna@customer.test"
    assert f'name="told" value="{told}"' in asked
    assert not Message.objects.filter(subject="Other words").exists()
    client.post(draft.get_absolute_url(), {**form, "version": "2", "told": told})
    assert Message.objects.filter(subject="Other words").exists()
    assert Message.objects.filter(resend_of=refused.message).get() == resend


def also_failed_for_bert(refused: Delivery) -> Delivery:
    """Another recipient of the same mail, for whom it can be sent again."""
    return Delivery.objects.create(
        message=refused.message,
        recipient="bert@customer.test",
        recipient_wire="bert@customer.test",
        part=Delivery.Part.CC,
        channel=refused.channel,
        sender=refused.sender,
        team=refused.team,
        state=State.FAILED,
        reason="mailbox_full",
    )


def test_words_to_one_who_got_a_resend_of_it_stay_in_the_form_and_are_not_sent(
    alice: User, refused: Delivery, as_user: SignIn
) -> None:
    bert = also_failed_for_bert(refused)
    assert carry_out(ACTIONS["retry"], [bert.pk], Order(alice)) == {}
    client = as_user(alice)
    client.post(path(refused))
    draft = rework(refused)
    assert draft
    form = {"submission": str(draft.uuid), "version": "1", "to": "BERT@customer.test"}
    page = client.post(
        draft.get_absolute_url(), {**form, "subject": "Offer", "body": "Other words."}
    )
    assert page.status_code == 200
    assert "has been sent again before" in page.text
    assert "Other words." in page.text
    assert Message.objects.filter(resend_of=refused.message).count() == 1
    draft.refresh_from_db()
    assert (draft.to, draft.body) == ("BERT@customer.test", "Other words.")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
@pytest.mark.django_db(transaction=True)
def test_words_to_one_who_is_sent_it_again_at_this_moment_wait_and_are_not_sent(
    alice: User, refused: Delivery, as_user: SignIn
) -> None:
    bert = also_failed_for_bert(refused)
    client, draft = as_user(alice), rework(refused)
    assert draft

    def write() -> str:
        form = {"submission": str(draft.uuid), "version": "1", "to": bert.recipient}
        try:
            return client.post(draft.get_absolute_url(), {**form, "body": "Else."}).text
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as hand:
        with transaction.atomic():
            assert carry_out(ACTIONS["retry"], [bert.pk], Order(alice)) == {}
            page = hand.submit(write)
            wait_until(somebody_waits_for_us)
        assert "has been sent again before" in page.result()
    assert Message.objects.filter(resend_of=refused.message).count() == 1


@pytest.mark.parametrize("to", ["anna@customer.test", "bert@customer.test"])
def test_the_form_whose_answer_was_lost_leads_to_what_it_sent(
    alice: User, refused: Delivery, as_user: SignIn, to: str
) -> None:
    """Also where it went to another one who got the mail, which resolves nothing else."""
    Delivery.objects.create(
        message=refused.message,
        recipient="bert@customer.test",
        recipient_wire="bert@customer.test",
        part=Delivery.Part.CC,
        channel=refused.channel,
        sender=alice,
        team=alice.team,
    )
    client = as_user(alice)
    client.post(path(refused))
    draft = Draft.objects.get()
    form = {"submission": str(draft.uuid), "version": "1", "to": to}
    pages = [
        client.post(draft.get_absolute_url(), {**form, "subject": "Offer"})
        for _ in range(2)
    ]
    again = Message.objects.get(resend_of=refused.message)
    assert {each.headers["Location"] for each in pages} == {again.get_absolute_url()}


@pytest.mark.parametrize("reason", ["mailbox_full", "address_unknown"])
def test_where_other_words_cannot_help_it_is_not_offered(
    alice: User, make_delivery: MakeDelivery, as_user: SignIn, reason: str
) -> None:
    failed = make_delivery(alice, state=State.FAILED, reason=reason)
    client = as_user(alice)
    assert path(failed) not in client.get(failed.message.get_absolute_url()).text
    assert "nothing to be sent instead" in client.post(path(failed), follow=True).text
    assert not Draft.objects.exists()


def test_a_manager_does_not_write_in_a_member_s_name(
    bob: User, refused: Delivery, as_user: SignIn
) -> None:
    client = as_user(bob)
    assert path(refused) not in client.get(refused.message.get_absolute_url()).text
    assert client.post(path(refused)).status_code == 404
