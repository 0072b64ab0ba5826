from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from html import unescape

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from channels import identities
from channels.models import Channel, EmailIdentity
from channels.transports import VisibleSender
from channels.transports.portal import PortalTransport
from deliveryportal.accounts.models import User

PAGE = "/settings/identities/"
NEW = f"{PAGE}new/"
SALES = {"address": "sales@acme.test", "display_name": "Sales", "signature": ""}
AsUser = Callable[[User], Client]


def html(response: object) -> str:
    return str(response.content.decode())  # type: ignore[attr-defined]


def text_of(response: object) -> str:
    return unescape(" ".join(html(response).split()))


# --- the list ---------------------------------------------------------------


def test_the_list_tells_who_one_writes_as(as_user: AsUser, alice: User) -> None:
    EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Sales"
    )
    page = text_of(as_user(alice).get(PAGE))
    assert "alice@acme.test" in page
    assert "Default</span>" in page
    assert "Not verified: cannot send" in page
    assert page.count("<td> Portal servers <div") == 2


def test_names_are_text_and_no_html(as_user: AsUser, alice: User) -> None:
    EmailIdentity.objects.update(display_name="<b>Sales</b>")
    assert "<b>" not in html(as_user(alice).get(PAGE))


@pytest.fixture
def by_account(alice: User, monkeypatch: pytest.MonkeyPatch) -> Channel:
    """A channel on which the recipient sees the connected account, whatever kind."""
    traits = replace(
        PortalTransport.traits,
        visible_sender=VisibleSender.CONNECTED_ACCOUNT,
        adds_via=False,
    )
    monkeypatch.setattr(PortalTransport, "traits", traits)
    return Channel.objects.create(
        kind="portal", owner=alice, address="alice@gmail.test"
    )


def test_the_list_tells_what_the_recipient_sees_of_each(
    as_user: AsUser, alice: User
) -> None:
    page = text_of(as_user(alice).get(PAGE))
    assert "Recipients see Alice Acme <alice@acme.test> via portal.test </div>" in page


def test_where_the_recipient_sees_the_account_the_identity_is_shown_as_created(
    as_user: AsUser, alice: User, by_account: Channel
) -> None:
    EmailIdentity.objects.create(
        owner=alice,
        address="sales@acme.test",
        display_name="Sales",
        channel=by_account,
    )
    page = text_of(as_user(alice).get(PAGE))
    assert '<div class="muted">sales@acme.test</div>' in page
    assert "Recipients see Sales <alice@gmail.test>, not sales@acme.test" in page


def test_only_what_can_be_done_is_offered(as_user: AsUser, alice: User) -> None:
    for address, verified_at in [("sales@acme.test", now()), ("new@acme.test", None)]:
        EmailIdentity.objects.create(
            owner=alice, address=address, display_name="A", verified_at=verified_at
        )
    page = html(as_user(alice).get(PAGE))
    assert "Make sales@acme.test the default" in page
    assert "Resend the link to new@acme.test" in page
    assert page.count("Make default</button>") == 1
    assert page.count("Resend the link</button>") == 1


def test_the_list_holds_ones_own_identities_only(as_user: AsUser, bob: User) -> None:
    assert "alice@acme.test" not in html(as_user(bob).get(PAGE))


def test_without_identities_the_page_says_what_follows(
    as_user: AsUser, alice: User
) -> None:
    EmailIdentity.objects.of(alice).delete()
    assert "You have no email identity" in html(as_user(alice).get(PAGE))


# --- adding one -------------------------------------------------------------


def test_an_identity_is_added_and_its_address_gets_a_link(
    as_user: AsUser, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    client = as_user(alice)
    assert 'value="Alice Acme"' in html(client.get(NEW))
    response = client.post(NEW, SALES | {"signature": "Sales\r\nAcme"}, follow=True)
    added = EmailIdentity.objects.get(owner=alice, address="sales@acme.test")
    assert response.redirect_chain == [(f"{PAGE}{added.uuid}/", 302)]
    assert "A mail with a link is on its way to sales@acme.test." in html(response)
    assert added.display_name == "Sales"
    assert added.signature.splitlines() == ["Sales", "Acme"]
    assert not added.is_verified
    assert not added.is_default
    assert [mail.to for mail in mailoutbox] == [["sales@acme.test"]]


def test_what_was_pasted_with_a_name_around_it_is_read(
    as_user: AsUser, alice: User
) -> None:
    as_user(alice).post(NEW, SALES | {"address": " Sales <Sales@ACME.test> "})
    assert EmailIdentity.objects.filter(address="Sales@acme.test").exists()


def test_an_internationalised_domain_is_kept_as_it_goes_over_the_wire(
    as_user: AsUser, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    as_user(alice).post(NEW, SALES | {"address": "info@bücher.test"})
    assert EmailIdentity.objects.filter(address="info@xn--bcher-kva.test").exists()
    assert mailoutbox[0].to == ["info@xn--bcher-kva.test"]
    again = as_user(alice).post(NEW, SALES | {"address": "INFO@xn--bcher-kva.test"})
    assert "You already have an identity" in html(again)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("address", "", "This field is required."),
        ("address", "sales", "has no domain"),
        ("address", "sales@", "has no domain"),
        ("address", "sales@acme", "is not an email address"),
        ("address", "a@acme.test, b@acme.test", "must be one address"),
        ("address", "a@acme.test\nBcc: b@acme.test", "without control characters"),
        ("address", "a\x00@acme.test", "Null characters are not allowed."),
        ("address", "<script>@acme.test", "cannot be read as an address"),
        ("address", "jürgen@acme.test", "letters before the @"),
        ("address", "ALICE@acme.test", "You already have an identity"),
        ("address", f"{'x' * 65}@acme.test", "is too long"),
        ("display_name", "Bob  Acmé", "reads like “Bob Acme”"),
        ("display_name", "ceo@acme.test", "must not contain “@”"),
        ("display_name", "ceo＠acme.test", "must not contain “@”"),
        ("signature", "\x1b[2J", "without control characters"),
    ],
)
def test_what_cannot_be_an_identity_is_refused_with_a_sentence(
    as_user: AsUser,
    alice: User,
    mailoutbox: list[EmailMessage],
    field: str,
    text: str,
    sentence: str,
) -> None:
    response = as_user(alice).post(NEW, SALES | {field: text})
    assert response.status_code == 200
    assert sentence in html(response)
    assert EmailIdentity.objects.of(alice).count() == 1
    assert mailoutbox == []


def test_the_same_address_at_the_same_moment_is_added_once(
    as_user: AsUser, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form has found none yet, and the database has one."""
    added = identities.add

    def late(**fields: object) -> EmailIdentity | None:
        added(**fields)  # type: ignore[arg-type]
        return added(**fields)  # type: ignore[arg-type]

    monkeypatch.setattr(identities, "add", late)
    response = as_user(alice).post(NEW, SALES)
    assert "You already have an identity with the address sales@acme.test" in html(
        response
    )
    assert EmailIdentity.objects.of(alice).count() == 2


def test_two_people_may_share_an_address(
    as_user: AsUser, alice: User, bob: User
) -> None:
    for user in (alice, bob):
        as_user(user).post(NEW, SALES)
    assert EmailIdentity.objects.filter(address="sales@acme.test").count() == 2


def test_nothing_is_lost_when_the_mail_does_not_leave(
    as_user: AsUser, alice: User, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "channels.email_backend.RelayEmailBackend"
    settings.PORTAL_RELAY_URL = "smtp://127.0.0.1:1"
    page = html(as_user(alice).post(NEW, SALES, follow=True))
    assert "The mail to sales@acme.test did not leave" in page
    assert "Resend the link</button>" in page
    assert EmailIdentity.objects.filter(address="sales@acme.test").exists()


# --- who, and how -----------------------------------------------------------


def test_nobody_adds_an_identity_for_somebody_else(
    as_user: AsUser, alice: User, bob: User
) -> None:
    as_user(bob).post(NEW, SALES | {"owner": alice.pk})
    assert EmailIdentity.objects.get(address="sales@acme.test").owner == bob


def test_who_is_signed_out_is_led_to_the_sign_in(db: None) -> None:
    for page in (PAGE, NEW):
        assert Client().get(page)["Location"] == f"/accounts/login/?next={page}"
        assert Client().post(page, SALES).status_code == 302
    assert not EmailIdentity.objects.exists()


def test_the_wrong_method_is_refused(as_user: AsUser, alice: User) -> None:
    client = as_user(alice)
    assert client.post(PAGE).status_code == 405
    assert client.put(NEW).status_code == 405
