"""To Google's consent page and back, without a browser, at a real OAuth server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.internal import statekit
from allauth.socialaccount.models import SocialAccount, SocialLogin, SocialToken
from allauth.socialaccount.providers.google.provider import GoogleProvider
from django.db import connection
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from channels.disconnecting import disconnect
from channels.models import Channel, ChannelChoice, pace_of
from channels.pausing import mended, pause
from channels.transports import OutgoingEmail
from deliveryportal.accounts.models import AuditEntry, User
from tests.channels.oauth.conftest import BEGIN, CALLBACK, Browser
from tests.peers.google import (
    ALICE,
    ALICE_PRIVATE,
    BOB,
    CLIENT_ID,
    GMAIL_SEND,
    REVOKE,
    TOKEN,
    UNVERIFIED,
    Google,
)

pytestmark = pytest.mark.google
At = Callable[[User], Browser]


def gmail_of(user: User) -> Channel:
    return Channel.objects.get(kind="gmail", owner=user)


def works(channel: Channel) -> bool:
    """Whether the stored grant sends."""
    email = OutgoingEmail(
        envelope_sender="",
        recipient="anna@customer.test",
        content=b"To: anna@customer.test\r\n\r\nText.\r\n",
    )
    with channel.open_transport() as transport:
        return bool(transport.send(email).remote_id)


# --- connecting ---------------------------------------------------------------


def test_the_consent_page_is_asked_for_lasting_permission_to_send(
    browser: At, alice: User
) -> None:
    page = urlsplit(browser(alice).ask())
    asked = dict(parse_qsl(page.query))
    assert page.path == "/o/oauth2/v2/auth"
    assert set(asked.pop("scope").split()) == {"openid", "email", "profile", GMAIL_SEND}
    assert asked.pop("state")
    assert asked.pop("code_challenge")
    assert asked == {
        "client_id": CLIENT_ID,
        "redirect_uri": f"http://testserver{CALLBACK}",
        "response_type": "code",
        "access_type": "offline",
        "prompt": "select_account consent",
        "code_challenge_method": "S256",
    }


def test_an_account_is_connected_and_sends(
    browser: At, google: Google, alice: User
) -> None:
    page = browser(alice).connect(ALICE)
    assert f"Gmail is connected as {ALICE}. Your mail leaves by it now." in page
    channel = gmail_of(alice)
    assert channel.address == ALICE
    assert set(channel.credentials) == {
        "access_token",
        "refresh_token",
        "expires_at",
        "scope",
    }
    assert works(channel)
    assert len(google.sent(ALICE)) == 1


@pytest.mark.parametrize(
    ("address", "hd", "per_day"),
    [(ALICE, "workspace.test", 2000), (ALICE_PRIVATE, "", 500)],
)
def test_googles_daily_limit_is_that_of_the_accounts_kind(
    browser: At, alice: User, address: str, hd: str, per_day: int
) -> None:
    browser(alice).connect(address)
    channel = gmail_of(alice)
    assert channel.config["hd"] == hd
    assert pace_of(channel, alice.team_id).per_day == per_day


def test_the_first_channel_a_person_connects_becomes_their_choice(
    browser: At, alice: User
) -> None:
    browser(alice).connect(ALICE)
    assert ChannelChoice.objects.get(user=alice).channel == gmail_of(alice)


def test_a_choice_that_was_made_stays(browser: At, alice: User) -> None:
    portal = Channel.objects.default()
    ChannelChoice.objects.create(user=alice, channel=portal)
    page = browser(alice).connect(ALICE)
    assert "Choose it to let your mail leave by it." in page
    assert ChannelChoice.objects.get(user=alice).channel == portal


def test_nothing_of_allauths_own_is_stored(browser: At, alice: User) -> None:
    browser(alice).connect(ALICE)
    assert not SocialAccount.objects.exists()
    assert not SocialToken.objects.exists()


def test_tokens_are_neither_in_the_session_nor_on_a_page_nor_in_a_log(
    browser: At, google: Google, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        somebody = browser(alice)
        page = somebody.connect(ALICE)
        channel = gmail_of(alice)
        works(channel)
        google.expire_tokens()
        works(channel)
        disconnect(channel, by=alice)
    session = str(dict(somebody.client.session.items()))
    assert "oauth2" in caplog.text
    for secret in ("google_", "a client secret", "a+client+secret"):
        assert secret not in session
        assert secret not in page
        assert secret not in caplog.text


def test_the_stored_tokens_are_not_readable_in_the_database(
    browser: At, alice: User
) -> None:
    browser(alice).connect(ALICE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM channels_channel")
        assert "google_" not in str(cursor.fetchall())


# --- the same account again ---------------------------------------------------


def test_connecting_the_same_account_again_replaces_its_tokens(
    browser: At, alice: User
) -> None:
    somebody = browser(alice)
    somebody.connect(ALICE)
    before = gmail_of(alice)
    somebody.connect(ALICE)
    after = gmail_of(alice)
    assert after.pk == before.pk
    assert after.credentials["refresh_token"] != before.credentials["refresh_token"]
    assert works(after)


def test_a_broken_channel_is_mended_by_connecting_its_account_again(
    browser: At, google: Google, alice: User
) -> None:
    somebody = browser(alice)
    somebody.connect(ALICE)
    google.revoke_grants()
    pause(gmail_of(alice), "The permission was taken back.")
    heard = []

    def hear(channel: Channel, **kwargs: object) -> None:
        heard.append(channel.pk)

    mended.connect(hear)
    try:
        somebody.connect(ALICE)
    finally:
        mended.disconnect(hear)
    channel = gmail_of(alice)
    assert channel.health == Channel.Health.WORKING
    assert channel.paused_because == ""
    assert channel.paused_at is None
    assert heard == [channel.pk]
    assert works(channel)


def test_a_grant_without_a_new_refresh_token_keeps_the_old_one(
    browser: At, google: Google, alice: User
) -> None:
    somebody = browser(alice)
    somebody.connect(ALICE)
    before = gmail_of(alice).credentials
    google.withhold_refresh_token()
    somebody.connect(ALICE)
    after = gmail_of(alice).credentials
    assert after["refresh_token"] == before["refresh_token"]
    assert after["access_token"] != before["access_token"]


def test_a_first_grant_without_a_refresh_token_is_refused(
    browser: At, google: Google, alice: User
) -> None:
    google.withhold_refresh_token()
    assert "no lasting permission came" in browser(alice).connect(ALICE)
    assert not Channel.objects.filter(kind="gmail").exists()
    assert REVOKE in google.log


def test_an_account_disconnected_before_is_connected_in_its_old_place(
    browser: At, google: Google, alice: User
) -> None:
    somebody = browser(alice)
    somebody.connect(ALICE)
    disconnect(gmail_of(alice), by=alice)
    assert google.log.count(REVOKE) == 1
    assert gmail_of(alice).credentials == {}
    page = somebody.connect(ALICE_PRIVATE)
    assert f"Gmail is connected as {ALICE_PRIVATE}" in page
    channel = gmail_of(alice)
    assert channel.disconnected_at is None
    assert works(channel)


# --- refused ------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_accounts_connected_at_once_one_is_kept(
    browser: At, google: Google, alice: User
) -> None:
    somebody = browser(alice)
    tabs = [somebody.agree(ALICE), somebody.agree(ALICE_PRIVATE)]
    google.fault(TOKEN, times=2, delay=200)

    def come_back(path: str) -> None:
        client = Client()
        client.cookies = somebody.client.cookies
        try:
            client.get(path)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(come_back, tabs))
    assert works(gmail_of(alice))
    assert google.log.count(TOKEN) == 2
    assert google.log.count(REVOKE) == 1


def test_a_second_account_is_refused_and_its_grant_given_back(
    browser: At, google: Google, alice: User
) -> None:
    somebody = browser(alice)
    somebody.connect(ALICE)
    page = somebody.connect(ALICE_PRIVATE)
    assert f"You have connected {ALICE} already" in page
    assert google.log.count(REVOKE) == 1
    assert gmail_of(alice).address == ALICE
    assert works(gmail_of(alice))


def test_an_account_of_somebody_else_is_refused_and_theirs_goes_on(
    browser: At, google: Google, alice: User, bob: User
) -> None:
    browser(bob).connect(BOB)
    before = gmail_of(bob)
    page = browser(alice).connect(BOB)
    assert "connected by somebody else here" in page
    assert not Channel.objects.filter(kind="gmail", owner=alice).exists()
    after = gmail_of(bob)
    assert after.credentials == before.credentials
    # To give the new grant back would have taken the old one along.
    assert REVOKE not in google.log
    assert works(after)


def test_a_way_to_sign_in_of_somebody_else_is_refused_untouched(
    browser: At, google: Google, alice: User, bob: User
) -> None:
    browser(bob).connect(BOB)
    uid = gmail_of(bob).config["uid"]
    Channel.objects.filter(kind="gmail").delete()
    theirs = SocialAccount.objects.create(
        user=bob, provider="google", uid=uid, extra_data={"as": "it was"}
    )
    assert "connected by somebody else here" in browser(alice).connect(BOB)
    theirs.refresh_from_db()
    assert (theirs.user, theirs.extra_data) == (bob, {"as": "it was"})


def test_without_permission_to_send_nothing_is_stored_and_the_box_is_named(
    browser: At, google: Google, alice: User
) -> None:
    google.untick(GMAIL_SEND)
    page = browser(alice).connect(ALICE)
    assert "tick the box “Send email on your behalf”" in page
    assert not Channel.objects.filter(kind="gmail").exists()
    assert not ChannelChoice.objects.exists()
    assert google.log.count(REVOKE) == 1


def test_a_poorer_grant_does_not_replace_a_good_one(
    browser: At, google: Google, alice: User
) -> None:
    somebody = browser(alice)
    somebody.connect(ALICE)
    google.untick(GMAIL_SEND)
    assert "tick the box" in somebody.connect(ALICE)
    assert REVOKE not in google.log
    assert works(gmail_of(alice))


def test_an_account_with_an_unverified_address_is_refused(
    browser: At, alice: User
) -> None:
    page = browser(alice).connect(UNVERIFIED)
    assert "Google has not verified the address" in page
    assert not Channel.objects.filter(kind="gmail").exists()


def test_who_cancels_at_google_is_told_that_nothing_was_connected(
    browser: At, google: Google, alice: User
) -> None:
    google.deny_consent()
    page = browser(alice).connect(ALICE)
    assert "You cancelled at Google. Nothing was connected." in page
    assert TOKEN not in google.log


@pytest.mark.parametrize(
    "query", ["", "?state=forged&code=1", "?code=1", "?state=&error=access_denied"]
)
def test_who_was_not_sent_there_from_here_is_refused(
    browser: At, google: Google, alice: User, query: str
) -> None:
    page = browser(alice).come_back(CALLBACK + query)
    assert "it was not begun here" in page
    assert TOKEN not in google.log


def test_a_callback_counts_once(browser: At, google: Google, alice: User) -> None:
    somebody = browser(alice)
    back = somebody.agree(ALICE)
    somebody.come_back(back)
    assert "it was not begun here" in somebody.come_back(back)
    assert google.log.count(TOKEN) == 1


def test_a_callback_of_somebody_elses_session_is_refused(
    browser: At, alice: User, bob: User
) -> None:
    back = browser(alice).agree(ALICE)
    assert "it was not begun here" in browser(bob).come_back(back)
    assert not Channel.objects.filter(kind="gmail").exists()


def test_a_callback_that_comes_too_late_is_refused(
    browser: At, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    somebody = browser(alice)
    back = somebody.agree(ALICE)
    monkeypatch.setattr(statekit, "STATE_TTL", -1)
    assert "That took too long" in somebody.come_back(back)


def test_another_error_of_googles_is_answered_with_words(
    browser: At, google: Google, alice: User, caplog: pytest.LogCaptureFixture
) -> None:
    somebody = browser(alice)
    state = parse_qs(urlsplit(somebody.ask()).query)["state"][0]
    page = somebody.come_back(f"{CALLBACK}?state={state}&error=<b>server_error</b>")
    assert "Google did not agree. Please try again." in page
    assert "<b>server_error" not in page
    assert "server_error" in caplog.text


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 401, "body": {"error": "invalid_client"}},
        {"status": 200, "body": {"id_token": "nonsense", "access_token": "x"}},
        {"hangUp": True},
    ],
    ids=str,
)
def test_trouble_at_the_token_endpoint_is_answered_with_words(
    browser: At, google: Google, alice: User, fault: dict[str, object]
) -> None:
    google.fault(TOKEN, **fault)
    page = browser(alice).connect(ALICE)
    assert "Google did not complete it" in page
    assert not Channel.objects.filter(kind="gmail").exists()


# --- who may ------------------------------------------------------------------


def test_a_stranger_is_led_to_the_sign_in(client: Client, google: Google) -> None:
    assert client.post(BEGIN)["Location"] == "/accounts/login/"


@pytest.mark.django_db
def test_a_stranger_who_comes_back_is_led_to_the_sign_in(
    client: Client, google: Google
) -> None:
    answer = client.get(f"{CALLBACK}?state=x&code=1", follow=True)
    assert answer.redirect_chain[-1][0].startswith("/accounts/login/")


def test_to_connect_is_not_a_link(browser: At, alice: User) -> None:
    assert browser(alice).client.get(BEGIN).status_code == 405


def test_a_callback_is_only_read(browser: At, alice: User) -> None:
    assert browser(alice).client.post(CALLBACK).status_code == 405


def test_connecting_needs_our_own_form(alice: User, google: Google) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(BEGIN).status_code == 403


def test_a_provider_that_no_channel_knows_is_not_there(
    browser: At, alice: User
) -> None:
    client = browser(alice).client
    assert client.post("/accounts/acme/login/?process=connect").status_code == 404
    assert client.get("/accounts/acme/login/callback/").status_code == 404


def test_without_a_client_there_is_no_way_to_google(
    as_user: Callable[[User], Client], alice: User, settings: Settings
) -> None:
    settings.GOOGLE_CLIENT_ID = ""
    client = as_user(alice)
    page = client.get("/settings/channel/").content.decode()
    assert "Your admin has not set up Google yet." in page
    assert BEGIN not in page
    assert client.post(BEGIN).status_code == 404


# --- signing in by Google -----------------------------------------------------

SIGN_IN = "/accounts/google/login/"


@pytest.fixture
def sign_in_on(settings: Settings, google: Google) -> None:
    settings.SIGN_IN_PROVIDERS = ["google"]
    settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = True


def sign_in(client: Client, google: Google, address: str) -> None:
    back = google.consent(client.post(SIGN_IN)["Location"], address)
    client.get(back.removeprefix("http://testserver"), follow=True)


@pytest.mark.django_db
def test_google_is_no_way_to_sign_in(client: Client, google: Google) -> None:
    assert SIGN_IN not in client.get("/accounts/login/").content.decode()
    assert client.get(SIGN_IN).status_code == 404
    assert client.post(SIGN_IN).status_code == 404


@pytest.mark.django_db
def test_nor_is_a_token_that_google_has_given_somebody(
    client: Client, google: Google, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def accept(self: GoogleProvider, request: object, token: object) -> SocialLogin:
        claims = {"sub": "1", "email": alice.email, "email_verified": True}
        return self.sociallogin_from_response(request, claims)

    monkeypatch.setattr(GoogleProvider, "verify_token", accept)
    client.cookies["g_csrf_token"] = "x"
    answer = client.post(f"{SIGN_IN}token/", {"g_csrf_token": "x", "credential": "x"})
    assert answer.status_code == 404
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_nor_does_a_broken_sign_in_show_allauths_bare_page(
    client: Client, google: Google
) -> None:
    assert client.get(f"{SIGN_IN}token/").status_code == 404


def test_allauths_page_of_connections_leads_to_ours(browser: At, alice: User) -> None:
    answer = browser(alice).client.get("/accounts/3rdparty/")
    assert answer["Location"] == "/settings/channel/"


@pytest.mark.usefixtures("sign_in_on")
def test_where_it_is_on_a_member_signs_in_by_the_address_google_has_verified(
    client: Client, google: Google, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(email=ALICE)
    assert SIGN_IN in client.get("/accounts/login/").content.decode()
    assert client.get(SIGN_IN).status_code == 200
    sign_in(client, google, ALICE)
    assert client.session["_auth_user_id"] == str(alice.pk)
    assert client.get("/accounts/3rdparty/").status_code == 200
    assert not Channel.objects.filter(kind="gmail").exists()
    assert not SocialToken.objects.exists()


@pytest.mark.usefixtures("sign_in_on")
def test_an_account_to_sign_in_by_comes_and_goes_in_the_audit_log(
    client: Client, google: Google, alice: User
) -> None:
    User.objects.filter(pk=alice.pk).update(email=ALICE)
    EmailAddress.objects.create(user=alice, email=ALICE, verified=True, primary=True)
    sign_in(client, google, ALICE)
    account = SocialAccount.objects.get(user=alice)
    client.post("/accounts/3rdparty/", {"account": account.pk})
    assert not SocialAccount.objects.exists()
    noted = AuditEntry.objects.filter(actor=alice, subject="Google").order_by("pk")
    assert [each.action for each in noted] == [
        "Added an account to sign in by",
        "Removed an account to sign in by",
    ]


@pytest.mark.usefixtures("sign_in_on")
def test_where_it_is_on_nobody_signs_up_by_google(
    client: Client, google: Google, db: None
) -> None:
    sign_in(client, google, BOB)
    assert not User.objects.filter(email=BOB).exists()
    assert "_auth_user_id" not in client.session


@pytest.mark.usefixtures("sign_in_on")
def test_to_sign_in_asks_for_no_mail(client: Client, db: None) -> None:
    asked = dict(parse_qsl(urlsplit(client.post(SIGN_IN)["Location"]).query))
    assert set(asked["scope"].split()) == {"openid", "email", "profile"}


def test_expiry_is_counted_from_the_moment_of_the_grant(
    browser: At, alice: User
) -> None:
    browser(alice).connect(ALICE)
    channel = gmail_of(alice)
    needs = channel.transport_class.needs_renewal
    assert not needs(channel.credentials, now() + timedelta(minutes=58))
    assert needs(channel.credentials, now() + timedelta(minutes=59, seconds=30))
