from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from django.http import QueryDict

from conversations.blocking import suppress_address
from conversations.forms import ComposeForm
from conversations.writing.sending_off import send_off
from conversations.writing.unusual import (
    LOST_LINK,
    NO_WORDS,
    NOT_EVERYBODY,
    TOO_LATE,
    TWICE,
    untold,
)
from deliveryportal.accounts.models import User

USUAL = {"to": "anna@x.test", "subject": "Hello", "body": "Text."}
LINK = "ftp://x.test/"
SLIPS = [
    ({"subject": "", "body": ""}, "no words", NO_WORDS),
    (
        {
            "people": "email;town\nann@x.test;Rome\nann@x.test;Paris",
            "body": "In {{town}}",
            "to": "",
        },
        "twice",
        TWICE.format("ann@x.test"),
    ),
    (
        {"body": f'<p>See <a href="{LINK}">this</a></p>', "format": "html"},
        LINK,
        LOST_LINK.format(LINK),
    ),
    ({"send_at": "2020-01-01 08:00"}, "2020-01-01 08:00", TOO_LATE),
]


def form(user: User, *, told: str = "", **fields: str) -> ComposeForm:
    posted = QueryDict(mutable=True)
    posted.update({**USUAL, **fields, "told": told})
    found = ComposeForm(user, posted, {"upload": "a file"})
    assert found.is_valid(), found.errors
    return found


@pytest.fixture
def submission() -> UUID:
    return uuid4()


def test_of_a_usual_mail_there_is_nothing_to_tell(
    alice: User, submission: UUID
) -> None:
    assert untold(form(alice), submission) == {}


@pytest.mark.parametrize(("fields", "name", "words"), SLIPS)
def test_a_slip_is_told_once(
    alice: User, submission: UUID, fields: dict[str, str], name: str, words: str
) -> None:
    assert untold(form(alice, **fields), submission) == {name: words}
    assert untold(form(alice, told=name, **fields), submission) == {}


def test_who_will_not_get_it_is_told_unless_the_page_has_named_them(
    alice: User, bob: User, submission: UUID
) -> None:
    found = str(suppress_address("anna@x.test", by=bob, note="").uuid)
    assert list(untold(form(alice), submission).values()) == [NOT_EVERYBODY]
    assert untold(form(alice, stopped=found), submission) == {}


def test_of_a_form_that_has_gone_nothing_is_asked(
    alice: User, bob: User, submission: UUID
) -> None:
    send_off(form(alice), submission, [], is_draft=False)
    suppress_address("anna@x.test", by=bob, note="")
    assert untold(form(alice), submission) == {}
