"""allauth's pages, as part of the product."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.test import Client

from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD

FOR_STRANGERS = [
    "login/",
    "signup/",
    "password/reset/",
    "password/reset/done/",
    "password/reset/key/1-none/",
    "password/reset/key/done/",
    "confirm-email/none/",
    "confirm-email/",
    "inactive/",
    "invitations/none/",
]
FOR_PEOPLE = ["logout/", "password/change/", "email/", "reauthenticate/"]


def assert_is_ours(page: str) -> None:
    assert '<header class="topbar">' in page
    assert "portal.css" in page
    assert re.search(r"<title>\s*\S.* · DeliveryPortal</title>", page, re.DOTALL)
    assert '<aside class="banner" aria-label="Practice mode">' in page
    assert page.count("<h1") == 1
    assert not re.search(r"\sstyle=|\son\w+=", page)
    for script in re.findall(r"<script[^>]*>", page):
        assert " src=" in script or 'type="application/json"' in script
    for field in re.findall(r"<input[^>]*>", page):
        if 'type="hidden"' not in field and "readonly" not in field:
            name = re.search(r'\bid="([^"]+)"', field)
            assert name, field
            assert f'<label for="{name[1]}"' in page


@pytest.mark.django_db
@pytest.mark.parametrize("path", FOR_STRANGERS)
def test_an_entrance_page_stands_in_our_frame(client: Client, path: str) -> None:
    page = client.get(f"/accounts/{path}", follow=True).content.decode()
    assert_is_ours(page)
    assert '<div class="entrance">' in page
    assert 'class="topnav"' not in page


@pytest.mark.parametrize("path", FOR_PEOPLE)
def test_a_page_of_ones_account_stands_in_our_frame(
    as_user: Callable[[User], Client], alice: User, path: str
) -> None:
    page = as_user(alice).get(f"/accounts/{path}").content.decode()
    assert_is_ours(page)
    assert 'class="topnav"' in page


def test_changing_the_password_belongs_to_settings(
    as_user: Callable[[User], Client], alice: User
) -> None:
    page = as_user(alice).get("/accounts/password/change/").content.decode()
    assert 'aria-label="Settings"' in page
    assert re.search(r'aria-current="page">Password', page)


def test_a_person_signs_in_by_email_in_any_case(client: Client, alice: User) -> None:
    form = {"login": "Alice@ACME.test", "password": PASSWORD}
    assert client.post("/accounts/login/", form).status_code == 302
    assert client.get("/settings/team/").status_code == 200


def test_a_wrong_password_is_told_aloud(client: Client, alice: User) -> None:
    form = {"login": alice.email, "password": "wrong"}
    page = client.post("/accounts/login/", form).content.decode()
    assert re.search(r'role="alert"[^>]*>\s*<p>The email address and/or password', page)


def test_signing_out_takes_a_form(
    as_user: Callable[[User], Client], alice: User
) -> None:
    client = as_user(alice)
    client.get("/accounts/logout/")
    assert client.get("/settings/team/").status_code == 200
    client.post("/accounts/logout/")
    assert client.get("/settings/team/").status_code == 302


def test_a_forgotten_password_is_replaced_by_a_link_in_a_mail(
    client: Client,
    alice: User,
    mailoutbox: list[EmailMessage],
    path_in: Callable[[str, str], str],
) -> None:
    client.post("/accounts/password/reset/", {"email": alice.email})
    [mail] = mailoutbox
    assert mail.subject == "Choose a new password"
    link = path_in(str(mail.body), "/accounts/password/reset/key/")
    page = client.get(link, follow=True)
    assert_is_ours(page.content.decode())
    new = "another horse, another battery"
    done = client.post(
        page.redirect_chain[-1][0], {"password1": new, "password2": new}, follow=True
    )
    assert 'href="/accounts/login/">Sign in' in done.content.decode()
    alice.refresh_from_db()
    assert alice.check_password(new)


def test_whoever_is_deactivated_is_told_what_became_of_their_mail(
    client: Client, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    form = {"login": alice.email, "password": PASSWORD}
    page = client.post("/accounts/login/", form, follow=True).content.decode()
    assert "This account is deactivated" in page
    assert "what was scheduled for later is cancelled" in page


def test_a_link_that_confirms_no_address_says_what_to_do(
    client: Client, db: None
) -> None:
    page = client.get("/accounts/confirm-email/none/").content.decode()
    assert "This link leads nowhere any more" in page
    assert "you are mailed a new link" in page


def test_a_link_that_has_been_used_says_so_and_leads_to_a_new_one(
    client: Client, db: None
) -> None:
    page = client.get("/accounts/password/reset/key/1-none/").content.decode()
    assert "Your password is as it was." in page
    assert 'href="/accounts/password/reset/">Get a new link' in page


def test_whoever_is_asked_once_more_is_told_why_and_may_leave_it(
    as_user: Callable[[User], Client], alice: User
) -> None:
    page = as_user(alice).get("/accounts/reauthenticate/").content.decode()
    assert "Nothing has been changed yet." in page
    assert 'href="/settings/security/">Leave everything as it is' in page


def test_asking_for_a_password_does_not_tell_who_has_an_account(
    client: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    known, unknown = (
        client.post("/accounts/password/reset/", {"email": email}, follow=True)
        for email in (alice.email, "nobody@acme.test")
    )
    assert known.redirect_chain == unknown.redirect_chain
    assert mailoutbox[1].subject == "There is no account with this address"


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500"])
def test_an_error_page_needs_nothing_that_may_be_broken(name: str) -> None:
    page = render_to_string(f"{name}.html")
    assert '<header class="topbar">' in page
    assert "<h1>" in page


@pytest.mark.django_db
def test_a_wrong_address_is_answered_in_our_frame(client: Client) -> None:
    response = client.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


@pytest.mark.django_db
def test_a_form_without_its_token_is_refused_with_words() -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/")
    assert response.status_code == 403
    assert "This form has grown old" in response.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("referer", "led_to"),
    [
        ("http://testserver/conversations/new/?to=anna@customer.test", "the form"),
        ("http://elsewhere.test/conversations/new/", "the beginning"),
        ("", "the beginning"),
    ],
)
def test_whoever_is_signed_out_meanwhile_is_told_that_nothing_was_sent(
    client: Client, referer: str, led_to: str
) -> None:
    response = client.post("/conversations/drafts/save/", headers={"referer": referer})
    page = client.get(response["Location"])
    back = {
        "the form": "/conversations/new/%3Fto%3Danna%40customer.test",
        "the beginning": "/",
    }
    assert page.context["request"].GET.urlencode("/") == f"next={back[led_to]}"
    assert "so nothing was sent or changed" in page.content.decode()


@pytest.mark.django_db
def test_a_page_that_was_only_looked_at_asks_to_sign_in_without_ado(
    client: Client,
) -> None:
    page = client.get("/conversations/sent/", follow=True)
    assert "signed out meanwhile" not in page.content.decode()
