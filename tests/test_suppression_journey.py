"""An address that does not exist, from the first refusal to its release, in a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import PATIENCE, Screen, browser
from tests.portal import Portal
from tests.visitor import PASSWORD

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)

UNKNOWN, ANNA = "unknown@customer.test", "anna@customer.test"


def test_from_a_refusal_to_the_release(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        write(screen, UNKNOWN, "First")
        screen.page.get_by_role("link", name="Its suppression").click()
        expect(screen.page.locator("main")).to_contain_text("User unknown")
        screen.save("suppression")
        be_told_while_writing(screen)
        see_that_it_was_not_sent(screen)
        release_and_send_again(screen)
        block_a_domain(screen)
        be_told_of_a_pasted_list(screen)
        assert screen.complaints == []


def sign_up(screen: Screen) -> None:
    screen.go("/accounts/signup/")
    screen.page.fill("[name=name]", "Alice Acme")
    screen.page.fill("[name=email]", "alice@acme.test")
    screen.page.fill("[name=password1]", PASSWORD)
    screen.page.press("[name=password1]", "Enter")
    screen.page.wait_for_url("**/conversations/sent/")


def write(screen: Screen, to: str, subject: str) -> None:
    screen.go("/conversations/new/")
    screen.page.fill("[name=to]", to)
    screen.page.fill("[name=subject]", subject)
    send(screen)
    screen.page.wait_for_url("**/conversations/messages/**")


def send(screen: Screen) -> None:
    screen.page.get_by_role("button", name="Send", exact=True).click()


def be_told_while_writing(screen: Screen) -> None:
    screen.go("/conversations/new/")
    screen.page.fill("[name=subject]", "Second")
    screen.page.locator("[name=to]").press_sequentially(f"{UNKNOWN}, {ANNA}")
    told = screen.page.locator("#stopped")
    expect(told).to_contain_text(f"{UNKNOWN} – Address does not exist")
    expect(told).to_contain_text("the other person gets it")
    screen.save("write-to-a-suppressed-person")
    screen.page.fill("[name=to]", ANNA)
    expect(told).to_be_empty()
    screen.page.fill("[name=to]", f"{UNKNOWN}, {ANNA}")
    expect(told).to_contain_text(UNKNOWN)
    send(screen)
    screen.page.wait_for_url("**/conversations/pending/")


def see_that_it_was_not_sent(screen: Screen) -> None:
    screen.go("/conversations/failed/")
    row = screen.page.locator("tr", has_text="Second")
    expect(row).to_contain_text("Address is suppressed")
    screen.save("failed-for-a-suppression")
    row.get_by_role("link", name="Second").click()
    timeline = screen.page.locator("#timeline")
    expect(timeline).to_contain_text(f"Not sent: {UNKNOWN} has been suppressed since")
    screen.save("message-suppressed")
    timeline.get_by_role("link", name=f"Why {UNKNOWN} gets no mail").click()


def release_and_send_again(screen: Screen) -> None:
    screen.page.fill("[name=because]", "Their admin has made the mailbox.")
    screen.page.get_by_role("button", name="Release").click()
    main = screen.page.locator("main")
    expect(main).to_contain_text("Their admin has made the mailbox.")
    screen.save("suppression-released")
    screen.page.get_by_role("button", name="Send it now").click()
    screen.page.wait_for_url("**/conversations/pending/")
    # It was sent for real: the outside world refuses it once more, new evidence.
    screen.go("/settings/suppressed/")
    row = screen.page.locator("tr", has_text=UNKNOWN)
    while not row.count():
        screen.page.reload()
    screen.save("suppressed-addresses")
    row.get_by_role("link").click()
    expect(screen.page.locator("main")).to_contain_text("History")


def block_a_domain(screen: Screen) -> None:
    screen.go("/settings/team/blocked-domains/")
    screen.page.fill("[name=domain]", "rival.test")
    screen.page.fill("[name=note]", "Our rival.")
    screen.page.get_by_role("button", name="Block", exact=True).click()
    expect(screen.page.locator("tbody")).to_contain_text("rival.test")
    screen.save("blocked-domains")
    write_is_told_of(screen, "sales@eu.rival.test")


def write_is_told_of(screen: Screen, to: str) -> None:
    """Without a live part: the form itself says so before anything is sent."""
    screen.go("/conversations/new/")
    screen.page.route("**/conversations/new/seen/", lambda route: route.abort())
    screen.page.fill("[name=to]", to)
    screen.page.fill("[name=subject]", "Hello")
    send(screen)
    expect(screen.page.locator("main")).to_contain_text("Nothing was sent yet")
    expect(screen.page.locator("#stopped")).to_contain_text("your team has blocked")
    screen.page.unroute_all()
    screen.complaints.clear()  # the browser's, about the answers that were kept back
    screen.save("write-to-a-blocked-domain")
    send(screen)
    screen.page.wait_for_url("**/conversations/messages/**")
    expect(screen.page.locator("#timeline")).to_contain_text("Domain is blocked")


def be_told_of_a_pasted_list(screen: Screen) -> None:
    """While its last line is still being written; of what was told, Send asks no more."""
    screen.go("/conversations/new/")
    screen.page.fill("[name=subject]", "To all")
    screen.page.locator("summary", has_text="A list of people").click()
    at_rival = [f"person{number}@rival.test" for number in range(22)]
    listed = screen.page.locator("[name=people]")
    listed.fill("\n".join([ANNA, *at_rival, "ber"]))
    told = screen.page.locator("#stopped")
    expect(told).to_contain_text("These 22 people will not get it")
    expect(told).to_contain_text("the other person gets it")
    screen.save("write-to-a-list-of-blocked-people")
    told.locator("summary", has_text="and 12 more").click()
    expect(told.get_by_text("person21@rival.test")).to_be_visible()
    screen.save("write-to-a-list-of-blocked-people-all")
    listed.fill("\n".join([ANNA, *at_rival]))
    expect(told).to_contain_text("These 22 people will not get it")
    expect(told.get_by_text("person21@rival.test")).to_be_hidden()
    send(screen)
    screen.page.wait_for_url("**/conversations/pending/")
