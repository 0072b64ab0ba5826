from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from channels.models import EmailIdentity
from channels.verifying import TO_ONE_ADDRESS, link_to_verify
from deliveryportal.accounts.models import User
from tests.conftest import PASSWORD

AsUser = Callable[[User], Client]


@pytest.fixture
def identity(alice: User) -> EmailIdentity:
    return EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Sales"
    )


@pytest.fixture
def link(identity: EmailIdentity) -> str:
    return urlsplit(link_to_verify(identity)).path


def page_of(identity: EmailIdentity) -> str:
    return f"/settings/identities/{identity.uuid}/"


def html(response: object) -> str:
    return str(response.content.decode())  # type: ignore[attr-defined]


def is_verified(identity: EmailIdentity) -> bool:
    identity.refresh_from_db()
    return identity.is_verified


# --- following the link -----------------------------------------------------


def test_opening_the_link_asks_and_the_button_verifies(
    as_user: AsUser, alice: User, identity: EmailIdentity, link: str
) -> None:
    client = as_user(alice)
    client.head(link)
    page = client.get(link)
    assert "Verify sales@acme.test" in html(page)
    assert "Verify this address</button>" in html(page)
    assert "no-store" in page["Cache-Control"]
    assert not is_verified(identity)
    response = client.post(link, follow=True)
    assert response.redirect_chain == [("/settings/identities/", 302)]
    assert "sales@acme.test is verified: you can write as it now." in html(response)
    assert is_verified(identity)


def test_a_link_works_once(
    as_user: AsUser, alice: User, identity: EmailIdentity, link: str
) -> None:
    client = as_user(alice)
    client.post(link)
    for response in (client.get(link), client.post(link)):
        assert response.status_code == 410
        assert "sales@acme.test is verified already" in html(response)


def test_an_expired_link_offers_another(
    as_user: AsUser, alice: User, identity: EmailIdentity, link: str
) -> None:
    client = as_user(alice)
    with time_machine.travel(now() + timedelta(days=3, minutes=1)):
        client.force_login(alice)
        for response in (client.get(link), client.post(link)):
            assert response.status_code == 410
            assert "This link has expired" in html(response)
            assert f'action="{page_of(identity)}verify/"' in html(response)
    assert not is_verified(identity)


def test_a_link_that_is_not_whole_or_whose_identity_is_gone_says_what_to_do(
    as_user: AsUser, alice: User, identity: EmailIdentity, link: str
) -> None:
    client = as_user(alice)
    identity.delete()
    for path in (link, f"{link[:-2]}/", "/settings/identities/verify/made-up/"):
        response = client.get(path)
        assert response.status_code == 404
        assert "This link verifies no address of yours" in html(response)


@pytest.mark.parametrize("persona", ["bob", "charlie"])
def test_a_stranger_who_was_mailed_the_link_verifies_nothing(
    request: pytest.FixtureRequest,
    as_user: AsUser,
    identity: EmailIdentity,
    link: str,
    persona: str,
) -> None:
    client = as_user(request.getfixturevalue(persona))
    for response in (client.get(link), client.post(link)):
        assert response.status_code == 404
        assert "sales@acme.test" not in html(response)
        assert f"You are signed in as {persona}@acme.test." in html(response)
    assert not is_verified(identity)


def test_who_is_signed_out_signs_in_and_comes_back(
    alice: User, identity: EmailIdentity, link: str
) -> None:
    client = Client()
    sign_in = f"/accounts/login/?next={quote(link)}"
    assert client.get(link)["Location"] == sign_in
    # As a browser says where its form stood.
    here = {"referer": f"http://testserver{link}"}
    assert client.post(link, headers=here)["Location"] == sign_in
    assert not is_verified(identity)
    back = client.post(
        sign_in, {"login": alice.email, "password": PASSWORD}, follow=True
    )
    assert back.redirect_chain[-1] == (link, 302)
    assert "Verify this address</button>" in html(back)


def test_the_wrong_method_is_refused(as_user: AsUser, alice: User, link: str) -> None:
    assert as_user(alice).put(link).status_code == 405


# --- mailing it again -------------------------------------------------------


def test_the_link_is_mailed_again(
    as_user: AsUser,
    alice: User,
    identity: EmailIdentity,
    mailoutbox: list[EmailMessage],
) -> None:
    response = as_user(alice).post(f"{page_of(identity)}verify/", follow=True)
    assert response.redirect_chain == [(page_of(identity), 302)]
    assert "A mail with a link is on its way to sales@acme.test." in html(response)
    assert mailoutbox[0].to == ["sales@acme.test"]


def test_too_many_are_refused_and_it_is_said_when_again(
    as_user: AsUser,
    alice: User,
    identity: EmailIdentity,
    mailoutbox: list[EmailMessage],
) -> None:
    client = as_user(alice)
    for _ in range(TO_ONE_ADDRESS.most + 1):
        response = client.post(f"{page_of(identity)}verify/", follow=True)
    assert "No further mail was sent to sales@acme.test" in html(response)
    assert "ask again in 60 minutes" in html(response)
    assert len(mailoutbox) == TO_ONE_ADDRESS.most


def test_a_verified_address_is_not_mailed(
    as_user: AsUser,
    alice: User,
    identity: EmailIdentity,
    mailoutbox: list[EmailMessage],
) -> None:
    EmailIdentity.objects.update(verified_at=now())
    response = as_user(alice).post(f"{page_of(identity)}verify/", follow=True)
    assert "sales@acme.test is verified already." in html(response)
    assert mailoutbox == []


def test_in_practice_mode_the_page_shows_the_link(
    as_user: AsUser, alice: User, identity: EmailIdentity
) -> None:
    client = as_user(alice)
    page = html(client.get(page_of(identity)))
    assert "Practice mode: the mail was filed by the practice relay" in page
    href = page.partition('<a class="mono" href="')[2].partition('"')[0]
    assert client.post(urlsplit(href).path).status_code == 302
    assert is_verified(identity)
    assert "/identities/verify/" not in html(client.get(page_of(identity)))


def test_in_production_no_page_shows_the_link(
    as_user: AsUser, alice: User, identity: EmailIdentity, settings: Settings
) -> None:
    settings.PRACTICE = False
    client = as_user(alice)
    for page in (page_of(identity), "/settings/identities/"):
        assert "/identities/verify/" not in html(client.get(page))
