from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from channels.models import EmailIdentity
from deliveryportal.accounts.models import User

PAGE = "/settings/identities/"
AsUser = Callable[[User], Client]


@pytest.fixture
def identity(alice: User) -> EmailIdentity:
    return EmailIdentity.objects.get(owner=alice)


def form_of(identity: EmailIdentity) -> str:
    return f"{PAGE}{identity.uuid}/"


def test_the_list_tells_who_one_writes_as(as_user: AsUser, alice: User) -> None:
    EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="<b>Sales</b>"
    )
    page = as_user(alice).get(PAGE).content.decode()
    assert "alice@acme.test" in page
    assert "Default" in page
    assert "Not verified: cannot send" in page
    assert "&lt;b&gt;Sales&lt;/b&gt;" in page
    assert page.count("<td>Portal servers</td>") == 2


def test_the_list_holds_ones_own_identities_only(as_user: AsUser, bob: User) -> None:
    assert "alice@acme.test" not in as_user(bob).get(PAGE).content.decode()


def test_without_identities_the_page_says_what_follows(
    as_user: AsUser, alice: User
) -> None:
    EmailIdentity.objects.of(alice).delete()
    page = as_user(alice).get(PAGE).content.decode()
    assert "You have no email identity" in page


def test_name_and_signature_can_be_changed(
    as_user: AsUser, alice: User, identity: EmailIdentity
) -> None:
    form = {
        "display_name": "Alice A.",
        "signature": "Alice\r\nAcme",
        "address": "x@y.z",
    }
    response = as_user(alice).post(form_of(identity), form, follow=True)
    assert "alice@acme.test is saved." in response.content.decode()
    identity.refresh_from_db()
    assert identity.display_name == "Alice A."
    assert identity.signature.splitlines() == ["Alice", "Acme"]
    assert identity.address == "alice@acme.test"
    assert identity.is_verified


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("display_name", "Alice\nBcc: x", "one line of plain text"),
        ("display_name", "Ali\x00ce", "one line of plain text"),
        ("display_name", "ceo@acme.test", "must not contain an email address"),
        ("display_name", "Alice (a@b.c)", "must not contain an email address"),
        ("display_name", "", "This field is required."),
        ("display_name", "x" * 101, "at most 100 characters"),
        ("signature", "Alice\x1b[2J", "without control characters"),
        ("signature", "x" * 2001, "at most 2000 characters"),
    ],
)
def test_what_cannot_stand_in_a_mail_is_refused_with_a_sentence(
    as_user: AsUser,
    alice: User,
    identity: EmailIdentity,
    field: str,
    text: str,
    sentence: str,
) -> None:
    form = {"display_name": "Alice", "signature": ""} | {field: text}
    response = as_user(alice).post(form_of(identity), form)
    assert response.status_code == 200
    assert sentence in response.content.decode()
    identity.refresh_from_db()
    assert identity.display_name == "Alice Acme"
    assert identity.signature == ""


def test_an_at_sign_alone_is_no_address(
    as_user: AsUser, alice: User, identity: EmailIdentity
) -> None:
    as_user(alice).post(form_of(identity), {"display_name": "Alice @ Acme"})
    identity.refresh_from_db()
    assert identity.display_name == "Alice @ Acme"


@pytest.mark.parametrize("persona", ["bob", "charlie"])
def test_nobody_else_finds_it_not_even_the_manager(
    request: pytest.FixtureRequest,
    as_user: AsUser,
    identity: EmailIdentity,
    persona: str,
) -> None:
    client = as_user(request.getfixturevalue(persona))
    assert client.get(form_of(identity)).status_code == 404
    refused = client.post(form_of(identity), {"display_name": "Mallory"})
    assert refused.status_code == 404
    identity.refresh_from_db()
    assert identity.display_name == "Alice Acme"


def test_the_wrong_method_is_refused(
    as_user: AsUser, alice: User, identity: EmailIdentity
) -> None:
    client = as_user(alice)
    assert client.post(PAGE).status_code == 405
    assert client.delete(form_of(identity)).status_code == 405
