from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries, Settings

from conversations.models import Delivery
from deliveryportal.accounts.models import User
from deliveryportal.practice.manners import MANNERS
from deliveryportal.practice.models import PracticeMail
from tests.practice.conftest import LETTER

SignIn = Callable[[User], Client]
Arrive = Callable[..., PracticeMail]
MakeDelivery = Callable[..., Delivery]

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def mail(alice: User, make_delivery: MakeDelivery, arrived: Arrive) -> PracticeMail:
    """What Anna received from Alice."""
    return arrived(make_delivery(alice).return_token)


@pytest.fixture
def reset(alice: User, arrived: Arrive) -> PracticeMail:
    """Account mail to Alice's login address."""
    return arrived(
        "",
        envelope_sender="portal@portal.test",
        envelope_recipient="Alice@acme.test",
        header_subject="Reset your password",
    )


def pages_of(mail: PracticeMail) -> list[str]:
    return [mail.get_absolute_url(), f"{mail.get_absolute_url()}raw/"]


def test_the_sender_sees_what_arrived(
    as_user: SignIn, alice: User, mail: PracticeMail
) -> None:
    page = as_user(alice).get("/practice/").content.decode()

    assert "Hello Anna" in page
    assert "anna@customer.test" in page
    assert mail.get_absolute_url() in page


def test_the_manager_sees_the_teams_mail(
    as_user: SignIn, bob: User, mail: PracticeMail
) -> None:
    client = as_user(bob)

    assert mail.get_absolute_url() in client.get("/practice/").content.decode()
    assert [client.get(page).status_code for page in pages_of(mail)] == [200, 200]


def test_an_outsider_sees_nothing(
    as_user: SignIn, charlie: User, mail: PracticeMail
) -> None:
    client = as_user(charlie)

    assert "Hello Anna" not in client.get("/practice/").content.decode()
    assert [client.get(page).status_code for page in pages_of(mail)] == [404, 404]


def test_a_member_cannot_see_a_team_mates_mail(
    as_user: SignIn,
    alice: User,
    bob: User,
    make_delivery: MakeDelivery,
    arrived: Arrive,
) -> None:
    bobs = arrived(make_delivery(bob).return_token)

    assert as_user(alice).get(bobs.get_absolute_url()).status_code == 404


def test_account_mail_is_for_the_owner_of_the_login_address_alone(
    as_user: SignIn, alice: User, bob: User, charlie: User, reset: PracticeMail
) -> None:
    assert as_user(alice).get(reset.get_absolute_url()).status_code == 200
    for other in (bob, charlie):  # not even for the manager: it opens the account
        assert as_user(other).get(reset.get_absolute_url()).status_code == 404


def test_whoever_is_signed_out_is_sent_to_sign_in(
    client: Client, mail: PracticeMail
) -> None:
    for page in ["/practice/", *pages_of(mail)]:
        assert client.get(page).headers["Location"].startswith("/accounts/login/")


def test_the_pages_only_show(as_user: SignIn, alice: User, mail: PracticeMail) -> None:
    client = as_user(alice)

    for page in ["/practice/", *pages_of(mail)]:
        assert client.post(page).status_code == 405


@pytest.mark.parametrize("signed_in", [True, False])
def test_outside_practice_mode_there_are_no_such_pages(
    settings: Settings,
    as_user: SignIn,
    alice: User,
    mail: PracticeMail,
    signed_in: bool,
) -> None:
    settings.PRACTICE = False
    client = as_user(alice) if signed_in else Client()

    for page in ["/practice/", *pages_of(mail)]:
        assert client.get(page).status_code == 404


def test_an_empty_list_teaches(as_user: SignIn, alice: User, in_practice: None) -> None:
    page = as_user(alice).get("/practice/").content.decode()

    assert "Nothing has arrived yet" in page
    assert "/conversations/new/?to=anna@customer.test" in page


def test_every_address_to_try_is_one_click_away(
    as_user: SignIn, alice: User, in_practice: None
) -> None:
    page = as_user(alice).get("/practice/").content.decode()

    for local_part in MANNERS:
        assert f'"/conversations/new/?to={local_part}@customer.test"' in page


def test_htmx_gets_the_list_alone(
    as_user: SignIn, alice: User, mail: PracticeMail
) -> None:
    response = as_user(alice).get("/practice/", headers={"HX-Request": "true"})

    assert mail.get_absolute_url() in response.content.decode()
    assert b"<html" not in response.content
    assert "HX-Request" in response.headers["Vary"]


def test_the_list_shows_the_newest_first_and_not_all(
    as_user: SignIn,
    alice: User,
    make_delivery: MakeDelivery,
    arrived: Arrive,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    token = make_delivery(alice).return_token
    for age in range(101):
        arrived(
            token,
            header_subject=f"Minute {age}.",
            received_at=now() - timedelta(minutes=age),
        )
    client = as_user(alice)

    with django_assert_max_num_queries(6):
        page = client.get("/practice/").content.decode()

    assert page.index("Minute 0.") < page.index("Minute 99.")
    assert "Minute 100." not in page
    assert "the newest 100" in page


def test_a_bounce_that_is_still_to_come_is_told(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery, arrived: Arrive
) -> None:
    owing = arrived(
        make_delivery(alice).return_token, answer="late-bounce", answer_due=now()
    )
    client = as_user(alice)

    for page in ("/practice/", owing.get_absolute_url()):
        assert "on its way" in client.get(page).content.decode()


def test_a_mail_shows_what_the_recipient_sees(
    as_user: SignIn, alice: User, mail: PracticeMail
) -> None:
    page = as_user(alice).get(mail.get_absolute_url()).content.decode()

    assert "Alice Acme &lt;alice@acme.test&gt; via portal.test" in page
    assert mail.envelope_sender in page
    assert "Mon, 02 Mar 2026 10:00:00 +0000" in page
    assert "How are you?" in page
    assert "&lt;1@portal.test&gt;" in page
    assert "Subject: Hello Anna" in page
    delivery = Delivery.objects.get(return_token=mail.return_token)
    assert delivery.message.get_absolute_url() in page


def test_mail_from_the_portals_own_domain_comes_via_nobody(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery, arrived: Arrive
) -> None:
    own = arrived(
        make_delivery(alice).return_token,
        raw=LETTER.replace(b"alice@acme.test", b"alice@portal.test"),
    )

    page = as_user(alice).get(own.get_absolute_url()).content.decode()

    assert "alice@portal.test" in page
    assert " via " not in page


def test_account_mail_comes_via_nobody(
    as_user: SignIn, alice: User, reset: PracticeMail
) -> None:
    assert " via " not in as_user(alice).get(reset.get_absolute_url()).content.decode()


def test_the_raw_mail_is_a_file_to_the_byte(
    as_user: SignIn, alice: User, mail: PracticeMail
) -> None:
    response = as_user(alice).get(f"{mail.get_absolute_url()}raw/")

    assert response.content == LETTER
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith("attachment;")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_hostile_text_is_escaped_everywhere(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery, arrived: Arrive
) -> None:
    script = HOSTILE.encode()
    mail = arrived(
        make_delivery(alice).return_token,
        raw=b"From: %s <x%s@evil.test>\r\nTo: %s\r\nSubject: %s\r\nDate: %s\r\n"
        b"X-%s: %s\r\n\r\n%s\r\n" % ((script,) * 8),
        header_from=HOSTILE,
        header_subject=HOSTILE,
        envelope_sender=f"{HOSTILE}@evil.test",
        envelope_recipient=f"{HOSTILE}@evil.test",
    )
    client = as_user(alice)

    for url in ("/practice/", mail.get_absolute_url()):
        page = client.get(url).content.decode()
        assert "&lt;script&gt;" in page
        assert HOSTILE not in page


def test_html_is_framed_without_any_rights(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery, arrived: Arrive
) -> None:
    html = f'<p>Hello</p>{HOSTILE}"><img src="https://tracker.test/pixel">'
    mail = arrived(
        make_delivery(alice).return_token,
        raw=b"Content-Type: text/html\r\n\r\n" + html.encode(),
    )

    page = as_user(alice).get(mail.get_absolute_url()).content.decode()

    frame = re.search(r'<iframe[^>]* sandbox srcdoc="([^"]*)"></iframe>', page)
    assert frame
    assert frame[1].startswith("&lt;meta http-equiv=&quot;Content-Security-Policy")
    assert "&quot;&gt;&lt;img" in frame[1]
    assert HOSTILE not in page


def test_a_long_source_is_cut_on_the_page_and_whole_in_the_file(
    as_user: SignIn, alice: User, make_delivery: MakeDelivery, arrived: Arrive
) -> None:
    raw = LETTER.replace(b"\r\n\r\n", b"\r\nX-Long: " + b"x" * 300_000 + b"\r\n\r\n")
    mail = arrived(make_delivery(alice).return_token, raw=raw)
    client = as_user(alice)

    page = client.get(mail.get_absolute_url()).content.decode()

    assert "only its beginning" in page
    assert len(client.get(f"{mail.get_absolute_url()}raw/").content) == len(raw)
