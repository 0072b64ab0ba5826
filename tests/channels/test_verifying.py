from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.core.signing import BadSignature, TimestampSigner
from django.db import connections
from django.utils.timezone import now
from pytest_django import Settings

from channels.models import EmailIdentity, VerificationMail
from channels.verifying import (
    BY_ONE_PERSON,
    TO_ONE_ADDRESS,
    TooManyLinksError,
    link_to_verify,
    mail_link,
    read_link,
    verify,
)
from deliveryportal.accounts.models import User
from tests.peers.scripted_smtp import ScriptedSmtp


@pytest.fixture
def identity(alice: User) -> EmailIdentity:
    return EmailIdentity.objects.create(
        owner=alice, address="sales@acme.test", display_name="Sales"
    )


def token_of(link: str) -> str:
    return link.removesuffix("/").rpartition("/")[2]


def by_smtp(settings: Settings, url: str) -> None:
    settings.EMAIL_BACKEND = "channels.email_backend.RelayEmailBackend"
    settings.PORTAL_RELAY_URL = url


# --- the link ---------------------------------------------------------------


def test_a_link_names_its_identity(identity: EmailIdentity) -> None:
    link = link_to_verify(identity)
    assert link.startswith("http://127.0.0.1:8000/settings/identities/verify/")
    read = read_link(token_of(link))
    assert (read.identity, read.expired) == (identity.uuid, False)


def test_a_link_expires(identity: EmailIdentity, settings: Settings) -> None:
    settings.IDENTITY_LINK_DAYS = 2
    token = token_of(link_to_verify(identity))
    with time_machine.travel(now() + timedelta(days=2, minutes=-1)):
        assert not read_link(token).expired
    with time_machine.travel(now() + timedelta(days=2, minutes=1)):
        assert read_link(token).expired


def test_a_link_cannot_be_made_up_or_taken_from_elsewhere(
    identity: EmailIdentity,
) -> None:
    token = token_of(link_to_verify(identity))
    signed_for_else = TimestampSigner(sep=".").sign(identity.uuid.hex)
    for forged in ["", "x", token[:-1], f"0{token}", signed_for_else, f"{token}."]:
        with pytest.raises(BadSignature):
            read_link(forged)


def test_an_address_is_verified_once(identity: EmailIdentity) -> None:
    assert verify(identity)
    identity.refresh_from_db()
    first = identity.verified_at
    assert first is not None
    assert not verify(identity)
    identity.refresh_from_db()
    assert identity.verified_at == first


# --- the mail ---------------------------------------------------------------


def test_the_mail_goes_to_the_address_and_says_who_asked(
    identity: EmailIdentity, mailoutbox: list[EmailMessage]
) -> None:
    assert mail_link(identity)
    [mail] = mailoutbox
    assert mail.to == ["sales@acme.test"]
    assert mail.subject == "Verify sales@acme.test for DeliveryPortal"
    body = str(mail.body)
    assert "Alice Acme (alice@acme.test) wants to send mail from" in body
    assert "for 3 days" in body
    [link] = [word for word in body.split() if word.startswith("http")]
    assert read_link(token_of(link)).identity == identity.uuid


def test_names_stand_in_the_mail_as_they_are(
    identity: EmailIdentity, mailoutbox: list[EmailMessage]
) -> None:
    User.objects.filter(pk=identity.owner_id).update(name="O'Hara & Søn")
    assert mail_link(EmailIdentity.objects.get(pk=identity.pk))
    assert "O'Hara & Søn (alice@acme.test)" in str(mailoutbox[0].body)


def test_the_mail_leaves_by_the_portals_relay(
    identity: EmailIdentity, settings: Settings
) -> None:
    with ScriptedSmtp() as relay:
        by_smtp(settings, relay.url)
        assert mail_link(identity)
    assert b"Verify sales@acme.test" in relay.messages[0]


def test_a_mail_that_the_relay_refuses_did_not_leave(
    identity: EmailIdentity, settings: Settings
) -> None:
    with ScriptedSmtp(RCPT=b"550 5.1.1 no such user") as relay:
        by_smtp(settings, relay.url)
        assert not mail_link(identity)


@pytest.mark.parametrize("url", ["smtp://127.0.0.1:1", "nonsense", ""])
def test_a_mail_that_did_not_leave_is_not_counted(
    identity: EmailIdentity, settings: Settings, url: str
) -> None:
    by_smtp(settings, url)
    for _ in range(TO_ONE_ADDRESS.most + 1):
        assert not mail_link(identity)
    assert not VerificationMail.objects.exists()
    assert EmailIdentity.objects.filter(pk=identity.pk).exists()


# --- its limits -------------------------------------------------------------


@pytest.mark.usefixtures("mailoutbox")
def test_one_address_gets_three_mails_an_hour(identity: EmailIdentity) -> None:
    begun = now()
    for minutes in (0, 10, 20):
        with time_machine.travel(begun + timedelta(minutes=minutes), tick=False):
            assert mail_link(identity)
    with (
        time_machine.travel(begun + timedelta(minutes=59)),
        pytest.raises(TooManyLinksError) as refusal,
    ):
        mail_link(identity)
    assert refusal.value.again_at == begun + timedelta(hours=1)
    with time_machine.travel(begun + timedelta(hours=1, seconds=1)):
        assert mail_link(identity)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("mailoutbox")
def test_mails_asked_for_at_once_do_not_pass_the_limit(identity: EmailIdentity) -> None:
    def ask(_: int) -> bool:
        try:
            return mail_link(identity)
        except TooManyLinksError:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as people:
        left = list(people.map(ask, range(16)))
    assert left.count(True) == TO_ONE_ADDRESS.most


@pytest.mark.usefixtures("mailoutbox")
def test_deleting_and_adding_an_identity_does_not_begin_anew(
    identity: EmailIdentity, alice: User
) -> None:
    for _ in range(TO_ONE_ADDRESS.most):
        assert mail_link(identity)
    identity.delete()
    again = EmailIdentity.objects.create(
        owner=alice, address="Sales@acme.test", display_name="Sales"
    )
    with pytest.raises(TooManyLinksError):
        mail_link(again)


@pytest.mark.usefixtures("mailoutbox")
def test_another_address_and_another_person_are_not_held_up(
    identity: EmailIdentity, alice: User, bob: User
) -> None:
    for _ in range(TO_ONE_ADDRESS.most):
        assert mail_link(identity)
    for owner, address in [(alice, "info@acme.test"), (bob, "sales@acme.test")]:
        other = EmailIdentity.objects.create(
            owner=owner, address=address, display_name="Sales"
        )
        assert mail_link(other)


@pytest.mark.usefixtures("mailoutbox")
def test_one_person_has_no_more_than_thirty_mails_sent_a_day(alice: User) -> None:
    for number in range(BY_ONE_PERSON.most + 1):
        identity = EmailIdentity.objects.create(
            owner=alice, address=f"{number}@acme.test", display_name="Alice"
        )
        if number < BY_ONE_PERSON.most:
            assert mail_link(identity)
    with pytest.raises(TooManyLinksError) as refusal:
        mail_link(identity)
    assert refusal.value.again_at > now() + timedelta(hours=23)
    with time_machine.travel(now() + timedelta(days=1, seconds=1)):
        assert mail_link(identity)
    assert VerificationMail.objects.count() == 1  # older ones are forgotten
