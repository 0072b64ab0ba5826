from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from deliveryportal.accounts.inviting import invite
from deliveryportal.accounts.models import AuditEntry, Invitation, Team, User

TEAM = "/settings/team/"
RENAME = "/settings/team/rename/"
AsUser = Callable[[User], Client]


@pytest.fixture
def dora(bob: User) -> Invitation:
    invite(manager=bob, email="dora@acme.test")
    return Invitation.objects.get()


def revocation(invitation: Invitation) -> str:
    return f"{TEAM}invitations/{invitation.token_digest}/revoke/"


def test_a_member_sees_the_team_and_nothing_to_invite_with(
    as_user: AsUser, alice: User, charlie: User, dora: Invitation
) -> None:
    page = as_user(alice).get(TEAM).content.decode()
    assert "bob@acme.test" in page
    assert "alice@acme.test" in page
    assert charlie.email not in page
    assert dora.email not in page
    assert "Invite" not in page


def test_a_manager_sees_who_is_invited(
    as_user: AsUser, bob: User, dora: Invitation
) -> None:
    page = as_user(bob).get(TEAM).content.decode()
    assert dora.email in page
    assert "Open until" in page
    Invitation.objects.update(expires_at=now() - timedelta(seconds=1))
    assert "Expired" in as_user(bob).get(TEAM).content.decode()


def test_a_stranger_is_led_to_the_sign_in(client: Client, db: None) -> None:
    response = client.get(TEAM)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_inviting_sends_the_link_and_shows_it_once(
    as_user: AsUser,
    bob: User,
    mailoutbox: list[EmailMessage],
    settings: Settings,
    path_in: Callable[[str, str], str],
) -> None:
    client = as_user(bob)
    page = client.post(TEAM, {"email": "dora@acme.test"}).content.decode()
    [mail] = mailoutbox
    assert mail.to == ["dora@acme.test"]
    assert mail.subject == "Bob Acme invites you to Bob Acme's team"
    path = path_in(str(mail.body), "/accounts/invitations/")
    assert f"{settings.BASE_URL}{path}" in page
    assert path not in client.get(TEAM).content.decode()
    assert Client().get(path).status_code == 302


def test_a_mail_that_cannot_leave_does_not_lose_the_invitation(
    as_user: AsUser, bob: User, settings: Settings
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = taken.getsockname()[1]
    settings.EMAIL_BACKEND = "channels.email_backend.RelayEmailBackend"
    settings.PORTAL_RELAY_URL = f"smtp://127.0.0.1:{nobody}"
    page = as_user(bob).post(TEAM, {"email": "dora@acme.test"}).content.decode()
    assert "the mail did not leave" in page
    assert f"{settings.BASE_URL}/accounts/invitations/" in page
    assert Invitation.objects.open().get().email == "dora@acme.test"


def test_without_any_relay_the_link_is_shown_too(
    as_user: AsUser, bob: User, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "channels.email_backend.RelayEmailBackend"
    settings.PORTAL_RELAY_URL = ""
    page = as_user(bob).post(TEAM, {"email": "dora@acme.test"}).content.decode()
    assert "the mail did not leave" in page


def test_inviting_again_replaces_the_link(as_user: AsUser, bob: User) -> None:
    old = invite(manager=bob, email="dora@acme.test")
    as_user(bob).post(TEAM, {"email": "Dora@acme.test"})
    assert Invitation.objects.by_token(old) is None
    assert Invitation.objects.open().count() == 1


def test_who_has_an_account_cannot_be_invited(
    as_user: AsUser, bob: User, charlie: User, mailoutbox: list[EmailMessage]
) -> None:
    page = as_user(bob).post(TEAM, {"email": charlie.email.upper()}).content.decode()
    assert "already has an account" in page
    assert not Invitation.objects.exists()
    assert mailoutbox == []


@pytest.mark.parametrize(
    "email", ["", "dora", "dora@acme.test\nBcc: x@y.test", "d\0@a"]
)
def test_what_is_no_address_is_refused_with_a_sentence(
    as_user: AsUser, bob: User, email: str
) -> None:
    page = as_user(bob).post(TEAM, {"email": email}).content.decode()
    assert 'id="id_email_error"' in page
    assert not Invitation.objects.exists()


def test_a_hostile_team_name_stays_one_line_of_text(
    as_user: AsUser, bob: User, mailoutbox: list[EmailMessage]
) -> None:
    bob.team.name = "<b>X</b>\nBcc: all@acme.test"
    bob.team.save()
    page = as_user(bob).post(TEAM, {"email": "dora@acme.test"}).content.decode()
    assert "&lt;b&gt;X&lt;/b&gt;" in page
    assert mailoutbox[0].subject.endswith("<b>X</b> Bcc: all@acme.test")


def test_a_revoked_link_joins_nobody(as_user: AsUser, bob: User) -> None:
    token = invite(manager=bob, email="dora@acme.test")
    response = as_user(bob).post(revocation(Invitation.objects.get()), follow=True)
    assert "The invitation of dora@acme.test is revoked." in response.content.decode()
    assert Client().get(f"/accounts/invitations/{token}/").status_code == 410


def test_a_member_may_neither_invite_nor_revoke(
    as_user: AsUser, alice: User, dora: Invitation
) -> None:
    client = as_user(alice)
    refused = client.post(TEAM, {"email": "eve@acme.test"})
    assert refused.status_code == 403
    assert "Only managers of the team may do this." in refused.content.decode()
    assert client.post(revocation(dora)).status_code == 403
    assert Invitation.objects.get() == dora


def test_another_teams_manager_finds_no_such_invitation(
    as_user: AsUser, charlie: User, dora: Invitation
) -> None:
    assert as_user(charlie).post(revocation(dora)).status_code == 404
    assert Invitation.objects.get() == dora


def test_an_accepted_invitation_cannot_be_revoked(
    as_user: AsUser, bob: User, dora: Invitation
) -> None:
    Invitation.objects.update(accepted_at=now())
    assert as_user(bob).post(revocation(dora)).status_code == 404


def test_the_wrong_method_is_refused(
    as_user: AsUser, bob: User, dora: Invitation
) -> None:
    client = as_user(bob)
    assert client.put(TEAM).status_code == 405
    assert client.get(revocation(dora)).status_code == 405


def test_a_manager_renames_the_team_and_the_history_says_so(
    as_user: AsUser, bob: User
) -> None:
    before, client = bob.team.name, as_user(bob)
    page = client.post(RENAME, {"name": " Sales <North> "}, follow=True)
    assert "Your team is called Sales &lt;North&gt; now." in page.content.decode()
    bob.team.refresh_from_db()
    assert bob.team.name == "Sales <North>"
    client.post(RENAME, {"name": "Sales <North>"})
    entry = AuditEntry.objects.get(action="Renamed the team")
    assert (entry.subject, entry.actor) == ("Sales <North>", bob)
    assert entry.details == {"before": before}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "This field is required"),
        ("Sales\nBcc: all@acme.test", "one line of plain text"),
        ("x" * 101, "at most 100 characters"),
    ],
)
def test_a_name_no_team_can_have_is_refused_beside_its_field(
    as_user: AsUser, bob: User, name: str, words: str
) -> None:
    page = as_user(bob).post(RENAME, {"name": name}).content.decode()
    assert words in page
    assert "<details open>" in page
    assert Team.objects.get().name == "Bob Acme's team"


def test_a_member_cannot_rename_the_team(as_user: AsUser, alice: User) -> None:
    client = as_user(alice)
    assert client.post(RENAME, {"name": "Mine"}).status_code == 403
    assert RENAME not in client.get(TEAM).content.decode()
    assert Team.objects.get().name == "Bob Acme's team"
