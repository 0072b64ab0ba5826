from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils.timezone import now
from pytest_django import Settings

from channels.connection_testing import run_test
from channels.models import Channel, ChannelChoice, ConnectionTest
from channels.pausing import pause
from channels.routing import channel_in_use
from deliveryportal.accounts.models import User
from tests.peers.scripted_smtp import ScriptedSmtp

URL = "/settings/channel/connect/smtp/"
SignIn = Callable[[User], Client]
SIGN_IN = {
    "EHLO": b"250-far.test\r\n250 AUTH CRAM-MD5",
    "AUTH": b"235 2.7.0 in",
}


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: Settings) -> None:
    settings.SMTP_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def fields(server: ScriptedSmtp, **changes: str) -> dict[str, str]:
    found = urlsplit(server.url)
    return {
        "host": str(found.hostname),
        "port": str(found.port),
        "security": "none",
        **changes,
    }


def connect(client: Client, server: ScriptedSmtp, query: str = "") -> str:
    """Test and save; return the address of the page of the test."""
    page = client.post(URL + query, fields(server))
    assert page.status_code == 302, page.content.decode()
    run_test(ConnectionTest.objects.get().pk)
    client.post(page["Location"] + "save/")
    return str(page["Location"])


def test_a_passed_test_can_be_saved_and_becomes_the_users_choice(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    with ScriptedSmtp() as server:
        page = client.post(URL, fields(server))
        test = ConnectionTest.objects.get()
        assert "Trying" in client.get(page["Location"]).content.decode()
        run_test(test.pk)
        shown = client.get(page["Location"]).content.decode()
    assert "Sender accepted" in shown
    assert "Save" in shown
    client.post(page["Location"] + "save/")
    channel = Channel.objects.get(kind="smtp")
    assert channel.owner == alice
    assert channel_in_use(alice) == channel
    assert not ConnectionTest.objects.exists()


def test_what_has_not_passed_its_test_cannot_be_saved(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    with ScriptedSmtp(MAIL=b"550 5.7.1 not <b>you</b>") as server:
        page = client.post(URL, fields(server))
        client.post(page["Location"] + "save/")
        run_test(ConnectionTest.objects.get().pk)
        shown = client.get(page["Location"]).content.decode()
        client.post(page["Location"] + "save/")
    assert "5.7.1 not &lt;b&gt;you&lt;/b&gt;" in shown
    assert "does not let you send as alice@acme.test" in shown
    assert not Channel.objects.filter(kind="smtp").exists()


def test_a_test_that_nobody_makes_says_so_after_a_while(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    with ScriptedSmtp() as server:
        url = client.post(URL, fields(server))["Location"]
    assert "longer than it should" not in client.get(url).content.decode()
    ConnectionTest.objects.update(created_at=now() - timedelta(minutes=2))
    assert "longer than it should" in client.get(url).content.decode()
    ConnectionTest.objects.update(state=ConnectionTest.State.FAILED)
    assert "longer than it should" not in client.get(url).content.decode()


def test_a_test_is_run_once(alice: User, as_user: SignIn) -> None:
    with ScriptedSmtp() as server:
        as_user(alice).post(URL, fields(server))
        pk = ConnectionTest.objects.get().pk
        run_test(pk)
        run_test(pk)
    assert server.connections == 1


def test_a_preset_fills_in_the_form_and_says_where_credentials_come_from(
    alice: User, as_user: SignIn
) -> None:
    page = as_user(alice).get(URL, {"preset": "Microsoft 365"}).content.decode()
    assert 'value="smtp.office365.com"' in page
    assert "Authenticated SMTP" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "smtp.gmail.com"}, "connect Gmail instead"),
        ({"host": ""}, "This field is required"),
        ({"port": "x"}, "Enter a whole number"),
        ({"port": "99999"}, "from 1 to 65535"),
        ({"port": "0"}, "from 1 to 65535"),
        ({"ca_text": "x"}, "not a certificate"),
        ({"user": "me", "password": "x"}, "never sent in clear"),
        ({"security": "rot13"}, "Select a valid choice"),
    ],
)
def test_settings_that_cannot_work_are_refused_and_kept_in_the_form(
    alice: User, as_user: SignIn, changes: dict[str, str], words: str
) -> None:
    with ScriptedSmtp() as server:
        page = as_user(alice).post(URL, fields(server, **changes))
    assert words in page.content.decode()
    assert not ConnectionTest.objects.exists()


def test_the_password_is_never_shown_and_asked_again_for_another_server(
    alice: User, as_user: SignIn
) -> None:
    channel = Channel.objects.create(
        kind="smtp",
        owner=alice,
        config={
            "host": "mail.acme.test",
            "port": "587",
            "security": "starttls",
            "user": "alice",
            "ca_text": "",
        },
        credentials={"password": "hunter2"},
    )
    client = as_user(alice)
    assert "hunter2" not in client.get(URL).content.decode()
    same = {**channel.config, "password": ""}
    for field, value in (
        ("host", "mail.evil.test"),
        ("port", "25"),
        ("user", "mallory"),
    ):
        page = client.post(URL, {**same, field: value}).content.decode()
        assert "Give it again" in page
    assert not ConnectionTest.objects.exists()
    client.post(URL, same)
    assert ConnectionTest.objects.get().credentials == {"password": "hunter2"}
    shown = client.get(f"/settings/channel/tests/{ConnectionTest.objects.get().uuid}/")
    assert "hunter2" not in shown.content.decode()


def test_without_a_user_name_the_password_given_before_is_given_up(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    with ScriptedSmtp() as server:
        tried = fields(server, security="starttls", user="alice", password="hunter2")
        client.post(URL, tried)
        assert ConnectionTest.objects.latest("pk").credentials["password"] == "hunter2"
        page = client.post(URL, {**tried, "user": "", "password": ""})
    assert page.status_code == 302
    assert ConnectionTest.objects.latest("pk").credentials == {"password": ""}


def test_a_password_that_is_not_kept_after_an_error_is_asked_for_once_more(
    alice: User, as_user: SignIn
) -> None:
    with ScriptedSmtp() as server:
        page = as_user(alice).post(
            URL, fields(server, port="70000", user="alice", password="hunter2")
        )
    shown = page.content.decode()
    assert "A port is a number from 1 to 65535." in shown
    assert "Give it once more: it was not kept" in shown
    assert "hunter2" not in shown


def test_a_manager_keeps_the_teams_server_and_members_get_it_by_default(
    alice: User, bob: User, as_user: SignIn
) -> None:
    with ScriptedSmtp() as server:
        connect(as_user(bob), server, "?team=1")
    channel = Channel.objects.get(kind="smtp")
    assert (channel.team, channel.owner) == (bob.team, None)
    assert channel_in_use(alice) == channel
    page = as_user(alice).get("/settings/channel/").content.decode()
    assert "Your team’s:" in page
    assert f"/settings/channel/{channel.uuid}/disconnect/" not in page
    assert as_user(alice).get(f"{URL}?team=1").status_code == 403
    disconnect = f"/settings/channel/{channel.uuid}/disconnect/"
    assert as_user(alice).post(disconnect).status_code == 404
    assert as_user(bob).post(disconnect).status_code == 302
    assert channel_in_use(alice) == Channel.objects.default()


def test_the_manager_is_told_whose_mail_leaves_by_the_teams_server(
    bob: User, as_user: SignIn
) -> None:
    client = as_user(bob)
    said = "Mail of every member who has not chosen a delivery channel leaves by"
    untracked = "Bounces of that mail are not recorded here"
    asked = client.get(f"{URL}?team=1").content.decode()
    assert said in asked
    assert untracked in asked
    assert said not in client.get(URL).content.decode()
    with ScriptedSmtp() as server:
        connect(client, server, "?team=1")
    kept = client.get("/settings/channel/").content.decode()
    assert f"Custom SMTP server is connected. {said}" in kept
    assert untracked in kept


def test_a_broken_channel_says_so_on_its_card_until_it_is_mended(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    with ScriptedSmtp() as server:
        connect(client, server)
        page = client.get("/settings/channel/").content.decode()
        assert "Custom SMTP server is connected. Your mail leaves by it now." in page
        assert "not working" not in page
        pause(Channel.objects.get(kind="smtp"), "535 5.7.8 no")
        assert (
            "In use, not working" in client.get("/settings/channel/").content.decode()
        )
        connect(client, server)
    page = client.get("/settings/channel/").content.decode()
    assert "It works again: mail that waited for it is leaving now." in page
    assert "not working" not in page


def test_choosing_is_one_click_and_can_be_undone(alice: User, as_user: SignIn) -> None:
    client = as_user(alice)
    with ScriptedSmtp() as server:
        connect(client, server)
    own = Channel.objects.get(kind="smtp")
    portal = Channel.objects.default()
    page = client.post(f"/settings/channel/{portal.uuid}/choose/", follow=True)
    assert channel_in_use(alice) == portal
    assert "Undo" in page.content.decode()
    client.post(f"/settings/channel/{own.uuid}/choose/")
    assert channel_in_use(alice) == own


def test_disconnecting_forgets_the_credentials_and_the_choice(
    alice: User, as_user: SignIn
) -> None:
    client = as_user(alice)
    with ScriptedSmtp() as server:
        connect(client, server)
    own = Channel.objects.get(kind="smtp")
    url = f"/settings/channel/{own.uuid}/disconnect/"
    assert "No mail waits for it." in client.get(url).content.decode()
    client.post(url)
    own.refresh_from_db()
    assert own.credentials == {}
    assert not ChannelChoice.objects.exists()
    assert channel_in_use(alice) == Channel.objects.default()
    assert client.get(url).status_code == 404


def test_what_is_in_use_again_is_not_offered_as_what_was_before(
    alice: User, as_user: SignIn
) -> None:
    client, portal = as_user(alice), Channel.objects.default()
    with ScriptedSmtp() as server:
        connect(client, server)
    own = Channel.objects.get(kind="smtp")
    client.post(f"/settings/channel/{portal.uuid}/choose/")
    client.post(f"/settings/channel/{own.uuid}/choose/")
    said = "Before, your mail left by"
    assert said in client.get("/settings/channel/").content.decode()
    client.post(f"/settings/channel/{own.uuid}/disconnect/")
    assert said not in client.get("/settings/channel/").content.decode()


def test_what_is_somebody_elses_is_not_there(
    alice: User, charlie: User, as_user: SignIn
) -> None:
    with ScriptedSmtp() as server:
        page = as_user(alice).post(URL, fields(server))
        test_url = page["Location"]
        outsider = as_user(charlie)
        assert outsider.get(test_url).status_code == 404
        assert outsider.post(test_url + "save/").status_code == 404
    own = Channel.objects.create(kind="smtp", owner=alice)
    assert outsider.post(f"/settings/channel/{own.uuid}/choose/").status_code == 404
    assert outsider.get(f"/settings/channel/{own.uuid}/disconnect/").status_code == 404


def test_wrong_methods_and_strangers_are_refused(
    alice: User, as_user: SignIn, client: Client
) -> None:
    own = Channel.objects.create(kind="smtp", owner=alice)
    signed_in = as_user(alice)
    assert signed_in.get(f"/settings/channel/{own.uuid}/choose/").status_code == 405
    assert signed_in.delete(URL).status_code == 405
    assert signed_in.get("/settings/channel/connect/portal/").status_code == 404
    assert signed_in.get("/settings/channel/connect/pigeon/").status_code == 404
    assert client.get(URL)["Location"].startswith("/accounts/login/")
