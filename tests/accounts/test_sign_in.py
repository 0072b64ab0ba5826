"""The way in: how often one may try, a second factor, sessions; and what is logged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.usersessions.models import UserSession
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now
from pytest_django import Settings

from channels.key_rotation import rotate_all
from deliveryportal.accounts.devices import device_of
from deliveryportal.accounts.models import AuditEntry, User
from tests.conftest import PASSWORD

LOGIN = reverse("account_login")
INSIDE = reverse("accounts:security")


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def sign_in(
    client: Client, user: User, password: str = PASSWORD, **headers: str
) -> str:
    answer = client.post(
        LOGIN, {"login": user.email, "password": password}, headers=headers
    )
    return answer.headers.get("Location") or str(answer.status_code)


def code_for(secret: str) -> str:
    return str(
        format_hotp_value(
            hotp_value(secret, next(iter(yield_hotp_counters_from_time())))
        )
    )


def say_who_one_is(client: Client) -> None:
    """Give the password again, as what guards the account asks for."""
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})


def with_an_app(client: Client) -> str:
    """Set up codes of an app; return the secret that the app has read."""
    assert client.get(reverse("mfa_activate_totp")).status_code == 302
    say_who_one_is(client)
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    answer = client.post(reverse("mfa_activate_totp"), {"code": code_for(secret)})
    assert answer.status_code == 302
    return str(secret)


# --- Limits ------------------------------------------------------------------


def test_after_five_wrong_passwords_an_address_has_to_wait(alice: User) -> None:
    client = Client()
    for _ in range(5):
        sign_in(client, alice, "wrong")
    answer = client.post(LOGIN, {"login": alice.email, "password": PASSWORD})
    assert answer.status_code == 200
    assert "There were too many wrong passwords" in answer.text
    assert "Wait five minutes" in answer.text
    assert client.get(INSIDE).status_code == 302


def test_others_sign_in_meanwhile(alice: User, bob: User) -> None:
    for _ in range(6):
        sign_in(Client(), alice, "wrong")
    assert sign_in(Client(), bob) == reverse("home")


def test_who_tries_many_addresses_from_one_place_has_to_wait(bob: User) -> None:
    answers = [
        Client().post(LOGIN, {"login": f"p{n}@acme.test", "password": "x"})
        for n in range(31)
    ]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert "Wait a minute, go back" in answers[-1].text


def test_behind_a_proxy_it_is_the_visitor_who_has_to_wait(
    bob: User, settings: Settings
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for n in range(31):
        Client().post(
            LOGIN,
            {"login": f"p{n}@acme.test", "password": "x"},
            headers={"X-Forwarded-For": f"{n}.9.9.9, 203.0.113.9"},
        )
    elsewhere = {"X-Forwarded-For": "203.0.113.10"}
    assert sign_in(Client(), bob, **elsewhere) == reverse("home")
    here = {"X-Forwarded-For": "203.0.113.9"}
    assert sign_in(Client(), bob, **here) == "429"


# --- A second factor -----------------------------------------------------------


@pytest.fixture
def no_new_code() -> Iterator[None]:
    """A code that was right a moment ago still is."""
    with time_machine.travel(now(), tick=False):
        yield


@pytest.mark.usefixtures("no_new_code")
def test_a_code_of_the_app_is_asked_for_after_the_password(alice: User) -> None:
    client = Client()
    sign_in(client, alice)
    secret = with_an_app(client)
    assert "On: after the password" in client.get(INSIDE).text
    cache.clear()  # a code counts once
    other = Client()
    assert sign_in(other, alice) == reverse("mfa_authenticate")
    assert other.get(INSIDE).status_code == 302
    other.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert other.get(INSIDE).status_code == 302
    other.post(reverse("mfa_authenticate"), {"code": code_for(secret)})
    assert other.get(INSIDE).status_code == 200
    assert AuditEntry.objects.filter(
        actor=alice, action="Added a way to sign in"
    ).exists()


@pytest.mark.usefixtures("no_new_code")
def test_its_secret_is_stored_encrypted_and_rotates_with_the_keys(
    alice: User, settings: Settings
) -> None:
    client = Client()
    sign_in(client, alice)
    secret = with_an_app(client)
    stored = Authenticator.objects.get(type="totp")
    assert secret not in str(stored.data)
    settings.CREDENTIAL_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]
    assert rotate_all().unreadable == []
    fresh = Authenticator.objects.get(type="totp")
    assert fresh.data != stored.data
    settings.SECRET_KEY = "another"  # what the first key was made of
    assert fresh.wrap().validate_code(code_for(secret))


@pytest.mark.usefixtures("no_new_code")
def test_recovery_codes_come_with_the_app_and_count_once(alice: User) -> None:
    client = Client()
    sign_in(client, alice)
    with_an_app(client)
    page = client.get(reverse("mfa_view_recovery_codes"))
    code = re.findall(r"\b\d{8}\b|\b[0-9a-f]{4}-?[0-9a-f]{4}\b", page.text)[0]
    for expected in (200, 302):
        other = Client()
        sign_in(other, alice)
        other.post(reverse("mfa_authenticate"), {"code": code})
        assert other.get(INSIDE).status_code == expected
        cache.clear()


@pytest.mark.usefixtures("no_new_code")
def test_who_is_asked_for_a_code_is_told_of_every_way_there_is_and_of_no_other(
    alice: User,
) -> None:
    client = Client()
    sign_in(client, alice)
    with_an_app(client)
    cache.clear()
    other = Client()
    sign_in(other, alice)
    page = other.get(reverse("mfa_authenticate")).text
    assert "or one of your recovery codes" in page
    assert "ask your manager" in page
    assert "security key" not in page, "she has none"
    wrong = other.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert "Incorrect code." in wrong.text


@pytest.mark.parametrize(
    "name",
    [
        "mfa_index",
        "mfa_activate_totp",
        "mfa_list_webauthn",
        "mfa_add_webauthn",
        "usersessions_list",
        "account_change_password",
        "account_email",
    ],
)
def test_the_pages_behind_are_part_of_settings(name: str, alice: User) -> None:
    client = Client()
    sign_in(client, alice)
    say_who_one_is(client)
    page = client.get(reverse(name))
    assert page.status_code == 200
    assert 'aria-label="Settings"' in page.text
    assert "style=" not in page.text


def test_a_passkey_may_be_asked_for_on_the_sign_in_page(
    client: Client, bob: User
) -> None:
    page = client.get(LOGIN)
    assert "Sign in with a passkey" in page.text
    asked = client.get(
        reverse("mfa_login_webauthn"), headers={"Accept": "application/json"}
    )
    assert "challenge" in str(asked.json())


def test_another_name_of_a_passkey_is_in_the_audit_log(alice: User) -> None:
    client = Client()
    sign_in(client, alice)
    say_who_one_is(client)
    key = Authenticator.objects.create(
        user=alice,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": "Key", "credential": {}},
    )
    key.record_usage()
    page = reverse("mfa_edit_webauthn", args=[key.pk])
    assert client.post(page, {"name": "Blue key"}).status_code == 302
    noted = AuditEntry.objects.filter(actor=alice, area=AuditEntry.Area.CREDENTIALS)
    assert [(each.action, each.facts) for each in noted.order_by("pk")] == [
        ("Added a way to sign in", []),
        ("Renamed a way to sign in", [("name", "Blue key")]),
    ]


# --- Sessions ------------------------------------------------------------------


def test_sessions_are_listed_and_the_others_ended(alice: User) -> None:
    here, there = Client(), Client()
    sign_in(here, alice, **{"User-Agent": "Here"})
    sign_in(there, alice, **{"User-Agent": "There <b>"})
    page = here.get(INSIDE)
    assert "Here" in page.text
    assert "There &lt;b&gt;" in page.text
    here.post(reverse("usersessions_list"))
    assert here.get(INSIDE).status_code == 200
    assert there.get(INSIDE).status_code == 302
    assert UserSession.objects.filter(user=alice).count() == 1


def test_one_browser_is_signed_out_and_the_others_are_not(alice: User) -> None:
    here, lost, third = Client(), Client(), Client()
    sign_in(here, alice)
    sign_in(lost, alice, **{"User-Agent": "Mozilla/5.0 (iPhone; …) … CriOS/131 Safari"})
    sign_in(third, alice)
    session = UserSession.objects.get(user_agent__contains="iPhone")
    answer = here.post(reverse("accounts:end_session", args=[session.pk]), follow=True)
    assert "Chrome on iPhone is signed out" in answer.text
    assert lost.get(INSIDE).status_code == 302
    assert third.get(INSIDE).status_code == 200


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/131.0 Safari/537 Edg/131",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Firefox/133.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X) Version/18 Safari/605",
            "Safari on macOS",
        ),
        ("curl/8.1", "curl/8.1"),
        ("", "A program that does not say which"),
    ],
)
def test_a_browser_goes_by_the_name_its_owner_knows(
    user_agent: str, device: str
) -> None:
    assert device_of(user_agent) == device


def test_nobody_sees_or_ends_another_s_sessions(alice: User, charlie: User) -> None:
    hers, his = Client(), Client()
    sign_in(hers, alice, **{"User-Agent": "Hers"})
    sign_in(his, charlie)
    assert "Hers" not in his.get(INSIDE).text
    his.post(reverse("usersessions_list"))
    assert hers.get(INSIDE).status_code == 200


def test_an_admin_signs_a_browser_out(
    alice: User, as_user: Callable[[User], Client]
) -> None:
    hers = Client()
    sign_in(hers, alice)
    admin = as_user(User.objects.create_superuser("root@portal.test", "x", "Root"))
    session = UserSession.objects.get(user=alice)
    page = reverse("admin:usersessions_usersession_delete", args=[session.pk])
    admin.post(page, {"post": "yes"})
    assert hers.get(INSIDE).status_code == 302


# --- What is logged ------------------------------------------------------------


def test_a_changed_password_is_in_the_audit_log_and_not_the_password(
    alice: User,
) -> None:
    client = Client()
    sign_in(client, alice)
    new = "another horse battery"
    client.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    entry = AuditEntry.objects.latest("pk")
    assert entry.action == "Changed their password"
    assert new not in f"{entry.subject} {entry.details}"


def test_a_second_address_to_sign_in_by_is_in_the_audit_log(alice: User) -> None:
    EmailAddress.objects.create(
        user=alice, email=alice.email, primary=True, verified=True
    )
    client = Client()
    sign_in(client, alice)
    client.post(
        reverse("account_email"), {"action_add": "", "email": "alice@home.test"}
    )
    entry = AuditEntry.objects.filter(action="Added an address to sign in by").get()
    assert entry.subject == "alice@home.test"
