from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.http import QueryDict
from django.utils.timezone import localtime, now
from pytest_django import Settings

from conversations.composing import AlreadySentError
from conversations.forms import ComposeForm
from conversations.models import Delivery, Draft, Message
from conversations.writing.sending_off import send_off
from deliveryportal.accounts.models import User


def form(user: User, **fields: str) -> ComposeForm:
    posted = QueryDict(mutable=True)
    posted.update({"to": "anna@x.test", "subject": "Hello", "body": "Text."} | fields)
    found = ComposeForm(user, posted)
    assert found.is_valid(), found.errors
    return found


def test_everybody_gets_a_message_of_their_own(alice: User) -> None:
    written = form(alice, to="anna@x.test, bert@x.test, ANNA@x.test")
    sent = send_off(written, uuid4(), [], is_draft=False)
    assert len(sent.messages) == Message.objects.count() == 2


def test_it_waits_until_undo_is_over_and_can_be_had_back_so_long(
    alice: User, settings: Settings
) -> None:
    settings.UNDO_SECONDS = 10
    submission = uuid4()
    assert send_off(form(alice), submission, [], is_draft=False).waits
    kept = Draft.objects.get(uuid=submission)
    assert (kept.to, kept.body) == ("anna@x.test", "Text.")
    assert kept.forget_at is not None
    assert Delivery.objects.get().not_before > now()


def test_without_undo_it_leaves_at_once(alice: User, settings: Settings) -> None:
    settings.UNDO_SECONDS = 10
    alice.can_undo = False
    assert not send_off(form(alice), uuid4(), [], is_draft=False).waits
    assert not Draft.objects.exists()


@pytest.mark.parametrize(("minutes", "is_later"), [(60, True), (-60, False)])
def test_it_leaves_at_its_time_and_never_before_undo_is_over(
    alice: User, settings: Settings, minutes: int, is_later: bool
) -> None:
    settings.UNDO_SECONDS = 10
    at = localtime(now() + timedelta(minutes=minutes), alice.zone)
    send_off(form(alice, send_at=f"{at:%Y-%m-%dT%H:%M}"), uuid4(), [], is_draft=False)
    leaves_at = Delivery.objects.get().not_before
    assert leaves_at > now()
    assert (leaves_at > now() + timedelta(minutes=50)) == is_later


def test_a_form_is_sent_once(alice: User) -> None:
    submission = uuid4()
    first = send_off(form(alice), submission, [], is_draft=False)
    again = send_off(form(alice), submission, [], is_draft=False)
    assert [each.pk for each in again.messages] == [each.pk for each in first.messages]
    with pytest.raises(AlreadySentError):
        send_off(form(alice, body="Other."), submission, [], is_draft=False)
    assert Message.objects.count() == 1
