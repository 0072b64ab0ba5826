from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO

import pytest
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from channels.models import ChannelChoice, EmailIdentity
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD, person

SignUp = Callable[..., bytes]


@pytest.mark.django_db
def test_who_signs_up_is_inside_at_once_and_manages_a_team(
    client: Client, sign_up: SignUp
) -> None:
    sign_up(client)
    dora = User.objects.get(email="dora@acme.test")
    assert dora.is_manager
    assert dora.name == "Dora Diaz"
    assert list(dora.team.members.all()) == [dora]
    assert not dora.is_staff
    assert client.get("/settings/team/").status_code == 200


@pytest.mark.django_db
def test_sign_up_makes_the_first_identity_on_portal_servers(
    client: Client, sign_up: SignUp
) -> None:
    sign_up(client)
    identity = EmailIdentity.objects.get(owner__email="dora@acme.test")
    assert str(identity) == "Dora Diaz <dora@acme.test>"
    assert identity.is_default
    assert identity.is_verified
    assert identity.channel is None
    assert not ChannelChoice.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("said", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("Mars/Olympus", ""),
        ("", ""),
    ],
)
def test_the_browsers_time_zone_is_taken_if_there_is_such_a_one(
    client: Client, sign_up: SignUp, said: str, zone: str
) -> None:
    assert b'time_zone.js" defer' in client.get("/accounts/signup/").content
    sign_up(client, time_zone=said)
    assert User.objects.get().time_zone == zone


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["Dora\nBcc: all@acme.test", "Dora\rDiaz", "Do\x00ra", "Dora\u202eziaD"]
)
def test_a_name_that_is_not_one_plain_line_is_refused_with_a_sentence(
    client: Client, sign_up: SignUp, name: str
) -> None:
    answer = sign_up(client, name=name)
    assert b"This must be one line of plain text, without control characters" in answer
    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["ceo@bigbank.test", "ceo＠bigbank.test", "Dora <ceo", "a > b"]
)
def test_a_name_that_could_be_taken_for_the_senders_address_is_refused(
    client: Client, sign_up: SignUp, name: str
) -> None:
    answer = sign_up(client, name=name)
    assert "A name must not contain “@”, “&lt;” or “&gt;”".encode() in answer
    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": "dora@"}, b"Enter a valid email address."),
        ({"email": "dora@acme.test\nx"}, b"Enter a valid email address."),
        ({"password1": "12345678"}, b"This password is too common."),
        ({"name": " "}, b"This field is required."),
    ],
)
def test_what_is_wrong_stands_beside_the_field(
    client: Client, sign_up: SignUp, fields: dict[str, str], sentence: bytes
) -> None:
    [name] = fields
    answer = sign_up(client, **fields)
    assert sentence in answer
    told = rf'<div role="alert">\s*<ul class="errors" id="id_{name}_error">'
    assert re.search(told.encode(), answer)
    assert b'aria-invalid="true"' in answer
    assert not User.objects.exists()


def test_one_address_signs_up_once_in_any_case(
    client: Client, sign_up: SignUp, bob: User
) -> None:
    sign_up(client, email="BOB@acme.test")
    assert User.objects.get() == bob


def test_closed_sign_up_tells_a_stranger_whom_to_ask(
    client: Client, sign_up: SignUp, settings: Settings, bob: User
) -> None:
    settings.SIGNUP = "invitation"
    page = client.get("/accounts/signup/")
    assert "Ask a manager of your team for an invitation." in page.content.decode()
    sign_up(client)
    assert User.objects.get() == bob


@pytest.mark.parametrize(("signup", "offered"), [("open", True), ("invitation", False)])
def test_signing_up_is_offered_to_whoever_may(
    client: Client, settings: Settings, bob: User, signup: str, *, offered: bool
) -> None:
    settings.SIGNUP = signup
    page = client.get("/accounts/login/").content.decode()
    assert ("sign up" in page.lower()) == offered
    assert ("can invite you" in page) != offered


def test_whoever_follows_an_invitation_is_offered_to_sign_up(
    client: Client, settings: Settings, invited: str
) -> None:
    settings.SIGNUP = "invitation"
    client.get(invited)
    assert "Sign up" in client.get("/accounts/login/").content.decode()


@pytest.mark.django_db
def test_the_first_person_may_sign_up_though_it_is_closed(
    client: Client, sign_up: SignUp, settings: Settings
) -> None:
    settings.SIGNUP = "invitation"
    sign_up(client)
    assert User.objects.get().is_manager


@pytest.mark.django_db
@pytest.mark.usefixtures("production")
def test_in_production_the_address_is_verified_by_mail_before_anything(
    client: Client,
    sign_up: SignUp,
    mailoutbox: list[EmailMessage],
    path_in: Callable[[str, str], str],
) -> None:
    sign_up(client)
    identity = EmailIdentity.objects.get()
    assert not identity.is_verified
    assert client.get("/settings/team/").status_code == 302
    [mail] = mailoutbox
    assert mail.to == ["dora@acme.test"]
    assert mail.subject == "Confirm your email address"
    told = client.get("/accounts/confirm-email/").content
    assert b"Signing in once more sends another one" in told
    link = path_in(str(mail.body), "/accounts/confirm-email/")
    asked = client.get(link).content
    assert b"<strong>dora@acme.test</strong> is the address of Dora" in asked
    client.post(link)
    identity.refresh_from_db()
    assert identity.is_verified


@pytest.mark.django_db
@pytest.mark.usefixtures("production")
def test_an_admin_made_on_the_command_line_signs_in_before_any_mail_arrives(
    client: Client,
) -> None:
    User.objects.create_superuser("op@portal.test", PASSWORD)
    client.post("/accounts/login/", {"login": "op@portal.test", "password": PASSWORD})
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("signup", "who_else"),
    [("invitation", "Nobody else can sign up"), ("open", "founds another team")],
)
def test_whoever_makes_the_first_admin_is_told_how_people_come_in(
    settings: Settings, signup: str, who_else: str
) -> None:
    settings.SIGNUP = signup
    said = StringIO()

    def make(email: str) -> None:
        call_command(
            "createsuperuser", email=email, name="Op", interactive=False, stdout=said
        )

    make("op@portal.test")
    assert "invite people to it at http" in said.getvalue()
    assert who_else in said.getvalue()
    person("Alice")
    make("op2@portal.test")
    assert said.getvalue().count("invite people") == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("relay", ["smtp://127.0.0.1:1", ""])
def test_a_link_that_cannot_be_mailed_is_told_and_mailed_later(
    client: Client,
    sign_up: SignUp,
    settings: Settings,
    mailoutbox: list[EmailMessage],
    relay: str,
) -> None:
    settings.PORTAL_RELAY_URL = relay
    there = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "channels.email_backend.RelayEmailBackend"
    assert b"The mail did not leave" in sign_up(client)
    answer = client.post("/accounts/password/reset/", {"email": "dora@acme.test"})
    assert answer.status_code == 503
    assert b"your password is as it was" in answer.content

    cache.clear()  # a while later
    settings.EMAIL_BACKEND = there
    client.post("/accounts/password/reset/", {"email": "dora@acme.test"})
    assert [mail.to for mail in mailoutbox] == [["dora@acme.test"]]
