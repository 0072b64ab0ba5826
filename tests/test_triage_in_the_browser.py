"""A day's failures, worked off by the manager in a real browser until none is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import PATIENCE, Screen, browser
from tests.peers.sink import Sink
from tests.portal import Portal, wait_until
from tests.visitor import PASSWORD

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)

EACH = 25
# How the practice relay treats them → what the page calls their cause.
CAUSES = {
    "unknown": "Address does not exist",
    "full": "Mailbox full",
    "blocked": "bigco.test blocks our server or domain",
    "nowhere": "bigco.test does not exist or takes no mail",
    "left": "Mailbox suspended or inactive",
    "policy": "Blocked by policy at bigco.test",
    "unsigned": "Sender authentication failed at bigco.test",
    "faulty": "The server of bigco.test has a fault",
    "too-big": "Message too big",
    "content": "Content or attachment refused",
    "complaint": "Marked as spam by the recipient",
    "lost": "Connection lost at the last moment",
}
FAILURES = ("failed", "bounced", "complained", "unconfirmed")
RETRY, OTHER, CORRECT = "Retry", "Send through another channel", "Correct the address"


def test_three_hundred_failures_of_twelve_causes_until_none_is_unresolved(
    tmp_path: Path,
) -> None:
    with (
        Sink() as sink,
        Portal(tmp_path, SMTP_ALLOWED_NETWORKS="127.0.0.0/8") as portal,
        browser(portal.url) as bob,
    ):
        portal.sign_up("Bob Acme", "bob@acme.test")
        portal.write(
            f"{name}+{number}@bigco.test" for name in CAUSES for number in range(EACH)
        )
        wait_until(lambda: portal.count(*FAILURES) == EACH * len(CAUSES))
        sign_in(bob, "bob@acme.test")
        see_the_causes(bob)
        search_for_all(bob)
        connect_a_server(bob, sink)
        work_them_off(bob, portal)
        assert bob.complaints == []
        sink.wait_for(lambda mail: mail.recipients[0].startswith("lost+"))


def sign_in(screen: Screen, email: str) -> None:
    screen.go("/accounts/login/")
    screen.page.fill("[name=login]", email)
    screen.page.fill("[name=password]", PASSWORD)
    screen.page.press("[name=password]", "Enter")
    expect(screen.page.locator("header")).to_contain_text("Bob Acme")


def see_the_causes(screen: Screen) -> None:
    screen.go("/conversations/failed/")
    screen.page.locator("#by-cause").click()
    for title in CAUSES.values():
        expect(card(screen, title)).to_contain_text(f"{title}: {EACH}")
    for name in ("unknown", "nowhere", "policy", "too-big", "content", "complaint"):
        expect(button(screen, CAUSES[name], RETRY)).to_have_count(0)
    screen.save("causes")


def search_for_all(screen: Screen) -> None:
    everything = EACH * len(CAUSES)
    screen.go("/conversations/failed/")
    screen.page.fill("#filter-q", "bigco.test")
    screen.page.press("#filter-q", "Enter")
    expect(screen.page.locator("#matches")).to_have_text(f"{everything} matches")
    expect(screen.page.locator(".acts")).to_contain_text(f"All {everything} that match")
    screen.save("search")


def card(screen: Screen, title: str) -> Locator:
    heading = screen.page.get_by_role("heading", name=title)
    return screen.page.locator("section.card", has=heading)


def button(screen: Screen, title: str, label: str) -> Locator:
    return card(screen, title).get_by_role("link", name=f"{label}: {title}")


def connect_a_server(screen: Screen, sink: Sink) -> None:
    screen.go("/settings/channel/connect/smtp/?team=1")
    page = screen.page
    page.fill("[name=host]", "127.0.0.1")
    page.fill("[name=port]", str(sink.port))
    page.select_option("[name=security]", "none")
    page.get_by_role("button", name="Test connection").click()
    expect(page.locator("#steps")).to_contain_text("Sender accepted")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/settings/channel/")


def work_them_off(screen: Screen, portal: Portal) -> None:
    # What may have arrived: nothing came through, somebody found out.
    begin(screen, CAUSES["lost"], "It did not arrive")
    finish(screen, "settled as not arrived")
    send_through_the_server(screen, "Did not arrive, as a person found out")
    for name in ("policy", "blocked", "unsigned"):
        send_through_the_server(screen, CAUSES[name])
    correct_the_domain(screen, CAUSES["nowhere"])
    correct_one_address(screen)
    retry_in_vain(screen, portal)
    for title in (
        *(CAUSES[name] for name in ("unknown", "left", "too-big", "content")),
        *(CAUSES[name] for name in ("complaint", "full", "faulty")),
    ):
        decide(screen, title)
    # Corrected, and there is no such domain either.
    decide(screen, "bigco.example does not exist or takes no mail")
    screen.go("/conversations/failed/causes/")
    expect(screen.page.get_by_role("heading", name="Nothing to decide")).to_be_visible()
    screen.save("causes-none-left")


def begin(screen: Screen, title: str, label: str) -> None:
    """Choose what to do about a cause; its preview opens."""
    screen.go("/conversations/failed/causes/")
    button(screen, title, label).click()
    expect(screen.page.get_by_role("heading", level=1)).to_contain_text(label)


def finish(screen: Screen, done: str) -> None:
    """Do it and see the job to its end."""
    screen.page.locator("main form button[type=submit]").click()
    expect(screen.page.get_by_role("heading", name="Done")).to_be_visible()
    expect(screen.page.get_by_role("status")).to_contain_text(f"{done}, 0 skipped")


def send_through_the_server(screen: Screen, title: str) -> None:
    begin(screen, title, OTHER)
    page = screen.page
    expect(page.locator("form.card")).to_contain_text("instead of: Likely: Bob Acme")
    expect(page.locator("main")).to_contain_text(f"{EACH} certainly not delivered")
    if "policy" in title:
        screen.save("other-channel")
    page.get_by_role("radio", name="Custom SMTP server").check()
    finish(screen, "sent again through another channel")


def correct_the_domain(screen: Screen, title: str) -> None:
    begin(screen, title, CORRECT)
    screen.page.fill("[name=domain]", "bigco.example")
    screen.save("correct-domain")
    finish(screen, "sent to another address")


def correct_one_address(screen: Screen) -> None:
    begin(screen, CAUSES["unknown"], CORRECT)
    screen.page.get_by_role("link", name="Hello").first.click()
    screen.save("what-can-be-done")
    screen.page.get_by_role("link", name=CORRECT).click()
    screen.page.locator("input[type=email]").fill("anna@bigco.test")
    screen.save("correct-address")
    screen.page.locator("main form button[type=submit]").click()
    expect(
        screen.page.get_by_text("One message sent to another address")
    ).to_be_visible()


def retry_in_vain(screen: Screen, portal: Portal) -> None:
    """They fail again: new messages, that stand under the same causes once more."""
    for title in (CAUSES["full"], CAUSES["faulty"]):
        before = portal.count(*FAILURES)
        begin(screen, title, RETRY)
        finish(screen, "sent again")
        wait_until(lambda before=before: portal.count(*FAILURES) >= before + EACH)  # type: ignore[misc]


def decide(screen: Screen, title: str) -> None:
    begin(screen, title, "Decide")
    screen.page.get_by_label("Accepted loss").check()
    screen.page.fill("[name=note]", "No other way to reach them.")
    if "spam" in title:
        screen.save("decide")
    finish(screen, "decided about")
    if "spam" in title:
        screen.save("job-done")


def test_a_cause_is_worked_off_by_the_keyboard_alone(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as bob:
        portal.sign_up("Bob Acme", "bob@acme.test")
        portal.write(f"full+{number}@bigco.test" for number in range(30))
        wait_until(lambda: portal.count("failed") == 30)
        sign_in(bob, "bob@acme.test")
        bob.go("/conversations/failed/")
        press(bob, bob.page.locator("#by-cause"))
        press(bob, button(bob, "Mailbox full", "Decide"))
        keys = bob.page.keyboard
        tab_to(bob, bob.page.get_by_label("Resolved"))
        keys.press("ArrowDown")
        expect(bob.page.get_by_label("Accepted loss")).to_be_checked()
        tab_to(bob, bob.page.locator("[name=note]"))
        keys.type("Asked them by telephone.")
        press(bob, bob.page.locator("main form button[type=submit]"))
        expect(bob.page.get_by_role("heading", name="Done")).to_be_visible()
        press(bob, bob.page.get_by_role("link", name="What is left, by cause"))
        expect(
            bob.page.get_by_role("heading", name="Nothing to decide")
        ).to_be_visible()
        assert bob.complaints == []


def tab_to(screen: Screen, goal: Locator) -> None:
    expect(goal).to_be_visible()
    for _ in range(100):
        if goal.evaluate("element => element === document.activeElement"):
            return
        screen.page.keyboard.press("Tab")
    raise AssertionError("the keyboard does not lead there")


def press(screen: Screen, goal: Locator) -> None:
    tab_to(screen, goal)
    screen.page.keyboard.press("Enter")
