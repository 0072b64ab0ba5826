from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils.timezone import now

from channels.models import Channel, EmailIdentity
from conversations.models import Delivery, Message
from conversations.models.state import State
from deliveryportal.accounts.models import User

PAGE = "/settings/identities/"
AsUser = Callable[[User], Client]


@pytest.fixture
def identity(alice: User) -> EmailIdentity:
    return EmailIdentity.objects.get(owner=alice)


@pytest.fixture
def sales(alice: User) -> EmailIdentity:
    return EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Sales", verified_at=now()
    )


def form_of(identity: EmailIdentity) -> str:
    return f"{PAGE}{identity.uuid}/"


def html(response: object) -> str:
    return str(response.content.decode())  # type: ignore[attr-defined]


# --- name, signature, channel -----------------------------------------------


def test_name_and_signature_can_be_changed(
    as_user: AsUser, alice: User, identity: EmailIdentity
) -> None:
    form = {
        "display_name": "Alice A.",
        "signature": "Alice\r\nAcme",
        "address": "x@y.z",
    }
    response = as_user(alice).post(form_of(identity), form, follow=True)
    assert "alice@acme.test is saved." in html(response)
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
        ("display_name", "ceo@acme.test", "must not contain “@”"),
        ("display_name", "Alice (a@b.c)", "must not contain “@”"),
        ("display_name", "ACME, Bob", "reads like “Bob Acme”"),
        ("display_name", "", "This field is required."),
        ("display_name", "x" * 101, "at most 100 characters"),
        ("signature", "Alice\x1b[2J", "without control characters"),
        ("signature", "x" * 2001, "at most 2000 characters"),
        ("channel", "999999", "Select a valid choice"),
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
    assert sentence in html(response)
    identity.refresh_from_db()
    assert identity.display_name == "Alice Acme"
    assert identity.signature == ""


@pytest.mark.parametrize(
    "name", ["Alice @ Acme", "<ceo @acme.test>", "=?utf-8?q?ceo=40acme=2Etest?="]
)
def test_what_a_mail_program_could_take_for_an_address_is_refused(
    as_user: AsUser, alice: User, identity: EmailIdentity, name: str
) -> None:
    before = identity.display_name
    page = as_user(alice).post(form_of(identity), {"display_name": name})
    assert page.status_code == 200
    identity.refresh_from_db()
    assert identity.display_name == before


def test_an_identity_may_have_a_channel_of_its_own_and_give_it_up(
    as_user: AsUser, alice: User, identity: EmailIdentity
) -> None:
    own = Channel.objects.create(kind="portal", owner=alice, address="alice@gmail.test")
    client = as_user(alice)
    page = html(client.get(form_of(identity)))
    assert "Your choice in Delivery channel" in page
    assert "Portal servers (alice@gmail.test)" in page
    form = {"display_name": "Alice Acme", "signature": "", "channel": str(own.pk)}
    client.post(form_of(identity), form)
    identity.refresh_from_db()
    assert identity.channel == own
    client.post(form_of(identity), form | {"channel": ""})
    identity.refresh_from_db()
    assert identity.channel is None


def test_only_channels_that_work_and_may_be_used_are_offered(
    as_user: AsUser, alice: User, charlie: User, identity: EmailIdentity
) -> None:
    broken = Channel.objects.create(
        kind="portal", owner=alice, health=Channel.Health.PAUSED
    )
    theirs = Channel.objects.create(kind="portal", owner=charlie)
    teams = Channel.objects.create(kind="portal", team=alice.team)
    client = as_user(alice)
    page = html(client.get(form_of(identity)))
    assert "Portal servers (your team’s)" in page
    for channel, taken in [(broken, False), (theirs, False), (teams, True)]:
        form = {"display_name": "Alice Acme", "channel": str(channel.pk)}
        client.post(form_of(identity), form)
        identity.refresh_from_db()
        assert (identity.channel == channel) is taken


def test_saving_a_signature_does_not_move_the_mail_of_a_broken_channel(
    as_user: AsUser, alice: User, identity: EmailIdentity
) -> None:
    broken = Channel.objects.create(
        kind="portal", owner=alice, health=Channel.Health.PAUSED
    )
    EmailIdentity.objects.update(channel=broken)
    client = as_user(alice)
    assert "not working" in html(client.get(form_of(identity)))
    form = {"display_name": "Alice", "signature": "A.", "channel": str(broken.pk)}
    client.post(form_of(identity), form)
    identity.refresh_from_db()
    assert (identity.signature, identity.channel) == ("A.", broken)


def test_an_identity_that_cannot_send_says_so_and_offers_the_link(
    as_user: AsUser, alice: User, sales: EmailIdentity
) -> None:
    client = as_user(alice)
    assert "cannot be sent" not in html(client.get(form_of(sales)))
    EmailIdentity.objects.update(verified_at=None)
    page = html(client.get(form_of(sales)))
    assert "This address is not verified: mail of this identity cannot be sent." in page
    assert "Resend the link</button>" in page
    assert "Make this my default" not in page


# --- default ----------------------------------------------------------------


def test_another_identity_becomes_the_default(
    as_user: AsUser, alice: User, identity: EmailIdentity, sales: EmailIdentity
) -> None:
    response = as_user(alice).post(f"{form_of(sales)}default/", follow=True)
    assert "sales@acme.test is your default identity now." in html(response)
    defaults = EmailIdentity.objects.filter(owner=alice, is_default=True)
    assert list(defaults) == [sales]


def test_what_cannot_send_does_not_become_the_default(
    as_user: AsUser, alice: User, identity: EmailIdentity, sales: EmailIdentity
) -> None:
    EmailIdentity.objects.filter(pk=sales.pk).update(verified_at=None)
    response = as_user(alice).post(f"{form_of(sales)}default/", follow=True)
    assert "is not verified, so nothing can be sent as it" in html(response)
    identity.refresh_from_db()
    assert identity.is_default


# --- deleting ---------------------------------------------------------------


def test_an_identity_is_deleted_after_a_question(
    as_user: AsUser, alice: User, sales: EmailIdentity
) -> None:
    client = as_user(alice)
    page = html(client.get(f"{form_of(sales)}delete/"))
    assert "Delete sales@acme.test?" in page
    assert "No mail waits to be sent as this identity." in page
    accepted = {"accepted": "9" * 5_000}
    response = client.post(f"{form_of(sales)}delete/", accepted, follow=True)
    assert "sales@acme.test is deleted." in html(response)
    assert not EmailIdentity.objects.filter(pk=sales.pk).exists()


def test_what_becomes_of_waiting_mail_is_said_before_it_is_done(
    as_user: AsUser,
    alice: User,
    sales: EmailIdentity,
    make_delivery: Callable[..., Delivery],
) -> None:
    make_delivery(alice)
    Message.objects.update(identity=sales)
    client = as_user(alice)
    # What waits has come since the page was opened, or was never shown.
    for accepted in ["0", "", "x", "-1", "²"]:
        page = client.post(f"{form_of(sales)}delete/", {"accepted": accepted})
        assert "sales@acme.test is not deleted: read on." in html(page)
        assert "One message written as this identity still waits" in html(page)
        assert 'name="accepted" value="1"' in html(page)
    assert Delivery.objects.get().state == State.QUEUED
    client.post(f"{form_of(sales)}delete/", {"accepted": "1"})
    assert Delivery.objects.get().state == State.FAILED
    assert "was deleted before this could leave" in html(
        client.get("/conversations/failed/")
    )


def test_the_default_and_the_last_identity_cannot_be_deleted(
    as_user: AsUser, alice: User, identity: EmailIdentity, sales: EmailIdentity
) -> None:
    client = as_user(alice)
    address = f"{form_of(identity)}delete/"
    for response in (client.get(address), client.post(address, {"accepted": "0"})):
        assert "make another one the default first" in html(response)
        assert 'name="accepted"' not in html(response)
    sales.delete()
    assert "This is your only identity" in html(client.post(address))
    assert EmailIdentity.objects.filter(pk=identity.pk).exists()


# --- who, and how -----------------------------------------------------------


@pytest.mark.parametrize("persona", ["bob", "charlie"])
def test_nobody_else_finds_it_not_even_the_manager(
    request: pytest.FixtureRequest,
    as_user: AsUser,
    sales: EmailIdentity,
    persona: str,
) -> None:
    client = as_user(request.getfixturevalue(persona))
    for page in ("", "delete/"):
        assert client.get(form_of(sales) + page).status_code == 404
    form = {"display_name": "Mallory", "accepted": "9"}
    for page in ("", "delete/", "default/", "verify/"):
        assert client.post(form_of(sales) + page, form).status_code == 404
    sales.refresh_from_db()
    assert (sales.display_name, sales.is_default) == ("Sales", False)


def test_who_is_signed_out_is_led_to_the_sign_in(sales: EmailIdentity) -> None:
    for page in ("", "delete/", "default/", "verify/"):
        response = Client().post(form_of(sales) + page)
        assert response["Location"].startswith("/accounts/login/?next=")
    assert EmailIdentity.objects.filter(pk=sales.pk).exists()


def test_the_wrong_method_is_refused(
    as_user: AsUser, alice: User, sales: EmailIdentity
) -> None:
    client = as_user(alice)
    assert client.delete(form_of(sales)).status_code == 405
    assert client.put(f"{form_of(sales)}delete/").status_code == 405
    assert client.get(f"{form_of(sales)}default/").status_code == 405
    assert client.get(f"{form_of(sales)}verify/").status_code == 405
