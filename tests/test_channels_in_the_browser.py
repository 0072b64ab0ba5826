"""A team's server and a person's Gmail, connected and used in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import PATIENCE, Screen, browser
from tests.peers.google import (
    ALICE,
    CLIENT_ID,
    CLIENT_SECRET,
    Google,
    require_google,
)
from tests.peers.outside import HOST
from tests.peers.postfix import PASSWORD, USER, Postfix, require_postfix
from tests.peers.sink import Sink
from tests.portal import Portal, wait_until
from tests.visitor import PASSWORD as SIGN_IN

pytestmark = [pytest.mark.browser, pytest.mark.postfix, pytest.mark.google]
expect.set_options(timeout=PATIENCE)

SMTP, GMAIL = "Custom SMTP server", "Gmail"


@dataclass(frozen=True)
class World:
    portal: Portal
    postfix: Postfix
    sink: Sink
    google: Google
    bob: Screen  # the manager's browser


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    require_postfix()
    require_google()
    with ExitStack() as parts:
        sink = parts.enter_context(Sink())
        there = f"{HOST}:{sink.port}"
        postfix = parts.enter_context(Postfix(bounces_to=there, sink=there))
        google = parts.enter_context(Google())
        portal = parts.enter_context(
            Portal(
                tmp_path,
                SMTP_ALLOWED_NETWORKS="127.0.0.0/8",
                GOOGLE_BASE=google.url,
                GOOGLE_CLIENT_ID=CLIENT_ID,
                GOOGLE_CLIENT_SECRET=CLIENT_SECRET,
            )
        )
        google.allow_redirect(f"{portal.url}/accounts/google/login/callback/")
        bob = parts.enter_context(browser(portal.url))
        yield World(portal, postfix, sink, google, bob)


def test_mail_leaves_by_the_teams_server_and_by_gmail_as_settings_promised(
    world: World,
) -> None:
    bob = world.bob
    sign_up(bob, "/accounts/signup/", "Bob Acme", "bob@acme.test")
    set_up_the_teams_server(bob, world.postfix)
    alice = bob.somebody_else()
    sign_up(alice, invite(bob, "alice@acme.test"), "Alice Acme")

    promised = what_the_recipient_sees(alice, SMTP)
    assert promised == "Alice Acme <alice@acme.test>"
    write(alice, "By the team’s server")
    mail = world.sink.wait_for()
    assert mail.message["From"] == promised
    assert mail.sender == "alice@acme.test"

    connect_gmail(alice)
    promised = what_the_recipient_sees(alice, GMAIL)
    assert promised == f"Alice Acme <{ALICE}>"
    write(alice, "By Gmail")
    row = alice.page.locator("tr", has_text="By Gmail")
    expect(row.get_by_text("Handed over, not tracked")).to_be_visible()
    (sent,) = world.google.sent(ALICE)
    assert sent.message["From"] == promised
    assert len(world.sink.mails) == 1

    see_a_broken_channel_and_mend_it(bob, world)
    assert bob.complaints == alice.complaints == []


def sign_up(screen: Screen, path: str, name: str, email: str = "") -> None:
    screen.go(path)
    screen.page.fill("[name=name]", name)
    if email:
        screen.page.fill("[name=email]", email)
    screen.page.fill("[name=password1]", SIGN_IN)
    screen.page.press("[name=password1]", "Enter")
    expect(screen.page.locator("header")).to_contain_text(name)


def card(screen: Screen, kind: str) -> Locator:
    heading = screen.page.get_by_role("heading", name=kind, level=2, exact=True)
    return screen.page.locator("section.card", has=heading)


def set_up_the_teams_server(screen: Screen, postfix: Postfix) -> None:
    screen.go("/settings/channel/")
    expect(card(screen, "Portal servers").get_by_text("In use")).to_be_visible()
    screen.save("delivery-channel")
    card(screen, SMTP).get_by_role("link", name="Set one up for the team").click()
    for preset in ("Microsoft 365", "Amazon SES", "SendGrid", "Mailgun", "Postmark"):
        expect(screen.page.get_by_role("link", name=preset)).to_be_visible()
    screen.page.get_by_role("link", name="Microsoft 365").click()
    expect(screen.page.locator("[name=host]")).to_have_value("smtp.office365.com")
    screen.save("smtp-preset")
    fill_in(screen, postfix, password="wrong")
    expect(steps(screen)).to_contain_text("Signed in: this failed")
    expect(steps(screen)).to_contain_text("Error: authentication failed")
    screen.save("smtp-test-failed")
    screen.page.get_by_role("link", name="Change the settings").click()
    fill_in(screen, postfix, password=PASSWORD)
    expect(steps(screen)).to_contain_text("Sender accepted")
    screen.save("smtp-test-passed")
    screen.page.get_by_role("button", name="Save").click()
    expect(card(screen, SMTP)).to_contain_text(f"Your team’s: {USER}")
    screen.save("delivery-channel-team")


def fill_in(screen: Screen, postfix: Postfix, *, password: str) -> None:
    page = screen.page
    page.fill("[name=host]", HOST)
    page.fill("[name=port]", str(postfix.ports.submission))
    page.select_option("[name=security]", "starttls")
    page.fill("[name=user]", USER)
    page.fill("[name=password]", password)
    page.fill("[name=ca_text]", postfix.certificate.read_text())
    page.get_by_role("button", name="Test connection").click()


def steps(screen: Screen) -> Locator:
    """The steps of the test, which come in without the page being opened again."""
    return screen.page.locator("#steps")


def invite(screen: Screen, email: str) -> str:
    screen.go("/settings/team/")
    screen.page.fill("[name=email]", email)
    screen.page.get_by_role("button", name="Invite").click()
    link = screen.page.locator("#invitation-link").input_value()
    return link.removeprefix(screen.address)


def what_the_recipient_sees(screen: Screen, kind: str) -> str:
    """Return the From that Settings promises for the kind, which is in use."""
    screen.go("/settings/channel/")
    expect(card(screen, kind).get_by_text("In use")).to_be_visible()
    promise = screen.page.get_by_label(f"By {kind}")
    return promise.locator("dt:text-is('From') + dd").inner_text().strip()


def write(screen: Screen, subject: str) -> None:
    screen.go("/conversations/new/")
    screen.page.fill("[name=to]", "anna@customer.test")
    screen.page.fill("[name=subject]", subject)
    screen.page.locator(".ProseMirror").click()
    for line in ("Hello,", "here is the offer.", "Alice"):
        screen.page.keyboard.type(line)
        screen.page.keyboard.press("Enter")
    screen.save("write-by-" + re.sub(r"\W+", "-", subject.lower()))
    screen.page.get_by_role("button", name="Send", exact=True).click()
    screen.page.wait_for_url(lambda url: not url.endswith("/new/"))
    screen.go("/conversations/sent/")


def connect_gmail(screen: Screen) -> None:
    screen.go("/settings/channel/")
    card(screen, GMAIL).get_by_role("button", name="Connect Gmail").click()
    screen.page.locator("form, button, a", has_text=ALICE).last.click()
    screen.page.wait_for_url("**/settings/channel/")
    expect(card(screen, GMAIL)).to_contain_text(ALICE)
    screen.save("delivery-channel-gmail")


def see_a_broken_channel_and_mend_it(screen: Screen, world: World) -> None:
    world.postfix.set_password("another password")
    write(screen, "While it is broken")

    def is_told() -> bool:
        screen.go("/conversations/pending/")
        return "stopped working" in screen.page.inner_text("body")

    wait_until(is_told)
    screen.save("channel-broken")
    screen.page.get_by_role("link", name="Mend it").click()
    fill_in(screen, world.postfix, password="another password")
    expect(steps(screen)).to_contain_text("Sender accepted")
    screen.page.get_by_role("button", name="Save").click()
    expect(screen.page.locator("body")).not_to_contain_text("stopped working")
    world.sink.wait_for(lambda mail: mail.message["Subject"] == "While it is broken")
