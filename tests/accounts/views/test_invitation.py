from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from channels.models import EmailIdentity
from deliveryportal.accounts.models import Invitation, User

SignUp = Callable[..., bytes]


def test_the_link_leads_to_the_sign_up_with_the_address_filled_in(
    client: Client, invited: str
) -> None:
    page = client.get(invited, follow=True)
    assert page.redirect_chain[0][0].startswith("/accounts/signup/?email=dora")
    assert "You are joining Bob Acme&#x27;s team." in page.content.decode()
    assert 'value="dora@acme.test"' in page.content.decode()


def test_whom_one_joins_is_still_said_after_an_error(
    client: Client, invited: str
) -> None:
    client.get(invited)
    page = client.post(
        "/accounts/signup/",
        {"name": "Dora", "email": "dora@acme.test", "password1": "short"},
    ).content.decode()
    assert "This password is too short" in page
    assert "You are joining Bob Acme&#x27;s team." in page
    assert 'value="Dora"' in page
    stranger = Client().get("/accounts/signup/").content.decode()
    assert "You are joining" not in stranger


def test_the_invited_join_the_team_as_members(
    client: Client,
    invited: str,
    sign_up: SignUp,
    bob: User,
    settings: Settings,
) -> None:
    settings.SIGNUP = "invitation"
    client.get(invited)
    sign_up(client)
    dora = User.objects.get(email="dora@acme.test")
    assert dora.team == bob.team
    assert not dora.is_manager
    assert client.get("/settings/team/").status_code == 200


def test_no_link_leads_into_a_team_without_a_manager(
    client: Client, invited: str, bob: User
) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert client.get(invited).status_code == 410
    User.objects.filter(pk=bob.pk).update(is_active=True)
    assert client.get(invited).status_code == 302


def test_a_link_joins_one_person_once(
    client: Client, invited: str, sign_up: SignUp
) -> None:
    client.get(invited)
    sign_up(client)
    again = Client().get(invited)
    assert again.status_code == 410
    assert "This invitation is no longer open" in again.content.decode()


def test_two_browsers_with_the_same_link_make_one_person(
    invited: str, sign_up: SignUp, bob: User
) -> None:
    first, second = Client(), Client()
    first.get(invited)
    second.get(invited)
    sign_up(first)
    sign_up(second)
    assert set(bob.team.members.values_list("email", flat=True)) == {
        "bob@acme.test",
        "dora@acme.test",
    }


def test_an_expired_link_says_so_and_what_to_do(client: Client, invited: str) -> None:
    Invitation.objects.update(expires_at=now() - timedelta(seconds=1))
    page = client.get(invited)
    assert page.status_code == 410
    assert "Ask the manager who invited you for a new" in page.content.decode()


@pytest.mark.django_db
def test_a_made_up_link_says_the_same_as_an_expired_one(client: Client) -> None:
    assert client.get("/accounts/invitations/made-up/").status_code == 410


def test_another_address_than_the_invited_is_refused(
    client: Client, invited: str, sign_up: SignUp, bob: User
) -> None:
    client.get(invited)
    answer = sign_up(client, email="eve@evil.test")
    assert b"This invitation is for dora@acme.test." in answer
    assert User.objects.get() == bob


def test_who_has_an_account_gets_a_new_password_all_the_same(
    client: Client, invited: str, bob: User, mailoutbox: list[EmailMessage]
) -> None:
    client.get(invited)
    answer = client.post("/accounts/password/reset/", {"email": bob.email})
    assert answer.status_code == 302
    assert [mail.to for mail in mailoutbox] == [[bob.email]]


def test_who_is_signed_in_is_told_to_sign_out_first(
    as_user: Callable[[User], Client], charlie: User, invited: str
) -> None:
    client = as_user(charlie)
    page = client.get(invited)
    assert page.status_code == 200
    assert "Sign out first" in page.content.decode()
    onwards = client.post("/accounts/logout/", {"next": invited}, follow=True)
    assert onwards.redirect_chain[-1][0].startswith("/accounts/signup/?email=dora")


def test_looking_at_the_link_uses_nothing_up(client: Client, invited: str) -> None:
    client.head(invited)
    client.get(invited)
    assert Invitation.objects.open().exists()


def test_the_link_is_only_read(client: Client, invited: str) -> None:
    assert client.post(invited).status_code == 405


@pytest.mark.usefixtures("production")
def test_in_production_the_link_alone_verifies_no_address(
    client: Client,
    invited: str,
    sign_up: SignUp,
    bob: User,
    mailoutbox: list[EmailMessage],
    path_in: Callable[[str, str], str],
) -> None:
    """The manager has seen it too, and must not write as whom they please."""
    client.get(invited)
    sign_up(client)
    identity = EmailIdentity.objects.get(owner__email="dora@acme.test")
    assert identity.owner.team == bob.team
    assert not identity.is_verified
    assert client.get("/settings/team/").status_code == 302
    [mail] = mailoutbox
    client.post(path_in(str(mail.body), "/accounts/confirm-email/"))
    identity.refresh_from_db()
    assert identity.is_verified
