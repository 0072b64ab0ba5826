"""The strict policy in a real browser: no page asks for what it forbids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import PATIENCE, Screen, browser
from tests.portal import Portal
from tests.visitor import PASSWORD

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)

PAGES = [
    "/conversations/sent/",
    "/conversations/pending/",
    "/conversations/failed/",
    "/conversations/failed/causes/",
    "/conversations/overview/",
    "/conversations/drafts/",
    "/conversations/new/",
    "/settings/channel/",
    "/settings/channel/connect/smtp/",
    "/settings/identities/",
    "/settings/identities/new/",
    "/settings/profile/",
    "/settings/security/",
    "/settings/suppressed/",
    "/settings/team/",
    "/settings/team/history/",
    "/settings/team/limits/",
    "/settings/team/blocked-domains/",
    "/accounts/2fa/",
    "/accounts/sessions/",
    "/accounts/password/change/",
    "/accounts/email/",
    "/practice/",
]


@pytest.fixture
def bob(tmp_path: Path) -> Iterator[Screen]:
    with Portal(tmp_path) as portal, browser(portal.url, keeps_pages=True) as screen:
        screen.go("/accounts/signup/")
        page = screen.page
        page.get_by_label("Name").fill("Bob Acme")
        page.get_by_label("Email").fill("bob@acme.test")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name=re.compile("Sign up", re.IGNORECASE)).click()
        expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
        yield screen


def test_no_page_asks_for_what_the_policy_forbids(bob: Screen) -> None:
    """Formatted mail is written, sent and read on the way."""
    page = bob.page
    bob.go("/conversations/new/")
    page.get_by_label("To", exact=True).fill("anna@customer.test")
    page.get_by_label("Subject").fill("Formatted")
    page.locator(".ProseMirror").click()
    page.keyboard.type("Strong words")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page).not_to_have_url(re.compile("/new/"))
    bob.go("/conversations/sent/")
    page.get_by_role("link", name="anna@customer.test").first.click()
    letter = page.frame_locator("iframe").get_by_text("Strong words")
    expect(letter).to_be_visible()
    for path in PAGES:
        bob.go(path)
        page.wait_for_load_state("networkidle")
    assert bob.complaints == []


def test_back_shows_where_one_was_and_after_signing_out_no_mail(bob: Screen) -> None:
    page = bob.page
    bob.go("/conversations/new/")
    page.fill("[name=to]", "unknown@")
    page.fill("[name=subject]", "A secret offer")
    page.get_by_role("textbox", name="Text").fill("Between us.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("main")).to_contain_text("Nothing was sent yet")
    bob.go("/conversations/drafts/")
    page.evaluate("history.back()")
    expect(page.get_by_role("textbox", name="Text")).to_have_text("Between us.")
    page.fill("[name=to]", "unknown@customer.test")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page).to_have_url(re.compile("/conversations/messages/"))

    bob.go("/conversations/failed/")
    page.fill("[name=q]", "secret")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page).to_have_url(re.compile("q=secret$"))
    link = page.get_by_role("link", name="A secret offer").first
    link.click()
    expect(page).to_have_url(re.compile("/conversations/messages/"))
    page.evaluate("history.back()")
    expect(page).to_have_url(re.compile("q=secret$"))
    expect(link).to_be_visible()
    link.click()
    expect(page).to_have_url(re.compile("/conversations/messages/"))
    bob.go("/settings/profile/")
    other_tab = bob.another_tab().page
    other_tab.goto(page.url)
    other_tab.get_by_role("button", name="Sign out", exact=True).click()
    expect(other_tab.get_by_role("link", name="Sign in", exact=True)).to_be_visible()
    for _ in range(3):
        page.evaluate("history.back()")
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.get_by_text("secret")).to_have_count(0)


def test_a_passkey_is_added_and_signs_one_in(bob: Screen) -> None:
    page = bob.page
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    # A passkey belongs to a name, not to an address of the network.
    bob.address = bob.address.replace("127.0.0.1", "localhost")
    sign_in(bob)
    bob.go("/settings/security/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name=re.compile("confirm", re.IGNORECASE)).click()
    page.get_by_label(re.compile("Passwordless")).check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text("Security key added.")).to_be_visible()
    bob.go("/settings/security/")
    expect(page.get_by_text("1 passkey")).to_be_visible()
    bob.save("security")
    page.get_by_role("button", name="Sign out", exact=True).click()
    bob.go("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    bob.go("/accounts/login/")
    give_the_password(bob)
    bob.save("second-factor")
    page.get_by_role("button", name="Use your passkey or security key").click()
    expect(page.get_by_role("button", name="Sign out", exact=True)).to_be_visible()
    assert bob.complaints == []


def test_members_are_led_and_history_tells_of_it(bob: Screen) -> None:
    page = bob.page
    bob.go("/settings/team/")
    page.get_by_label("Email address").fill("alice@acme.test")
    page.get_by_role("button", name="Invite", exact=True).click()
    link = page.get_by_label("The link, shown only now:").input_value()
    alice = bob.somebody_else()
    alice.go(link.removeprefix(bob.address))
    alice.page.get_by_label("Name").fill("Alice Acme")
    alice.page.get_by_label("Password").fill(PASSWORD)
    alice.page.get_by_role("button", name=re.compile("Sign up", re.IGNORECASE)).click()
    expect(
        alice.page.get_by_role("button", name="Sign out", exact=True)
    ).to_be_visible()
    alice.go("/conversations/new/")
    alice.page.get_by_label("To", exact=True).fill("anna@customer.test")
    alice.page.get_by_label("Subject").fill("Offer")
    alice.page.locator(".ProseMirror").click()
    alice.page.keyboard.type("Words")
    alice.page.get_by_text("Send later").click()
    alice.page.get_by_label("Send at").fill("2050-01-01T09:00")
    alice.page.get_by_role("button", name=re.compile("^(Send|Schedule)$")).click()
    expect(alice.page).not_to_have_url(re.compile("/conversations/new/"))
    bob.go("/settings/team/")
    page.get_by_role("button", name="Make Alice Acme a manager").click()
    bob.save("team")
    page.get_by_role("link", name="Deactivate Alice Acme").click()
    bob.save("deactivate")
    page.get_by_label("Their mail that waits").select_option("Hand it to Bob Acme")
    page.get_by_role("button", name="Deactivate").click()
    expect(
        page.get_by_text("Alice Acme is deactivated and signed out.")
    ).to_be_visible()
    bob.go("/conversations/drafts/")
    expect(page.get_by_text("Offer")).to_be_visible()
    bob.go("/settings/team/history/")
    expect(page.get_by_text("Deactivated a member")).to_be_visible()
    bob.save("history")
    alice.page.goto(f"{alice.address}/settings/profile/")
    expect(alice.page).to_have_url(re.compile("/accounts/login/"))
    assert bob.complaints == []


def give_the_password(screen: Screen) -> None:
    screen.page.get_by_label("Email").fill("bob@acme.test")
    screen.page.get_by_label("Password").fill(PASSWORD)
    screen.page.get_by_role("button", name="Sign in", exact=True).click()


def sign_in(screen: Screen) -> None:
    screen.go("/accounts/login/")
    give_the_password(screen)
    expect(
        screen.page.get_by_role("button", name="Sign out", exact=True)
    ).to_be_visible()
