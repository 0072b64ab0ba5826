"""A newcomer's first minutes, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import PATIENCE, Screen, browser
from tests.portal import Portal
from tests.visitor import PASSWORD

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)

UNKNOWN, LATE, ANNA = (
    "unknown@customer.test",
    "late-unknown@customer.test",
    "anna@customer.test",
)


def test_from_sign_up_to_a_bounce_under_failed_deliveries(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        watching = screen.another_tab()
        watching.go("/conversations/failed/")
        write(screen, UNKNOWN, "To an address that is refused")
        write(screen, LATE, "To an address that bounces")
        see_both_arrive(watching)
        see_why(screen, UNKNOWN, "Failed", picture="failed")
        see_why(screen, LATE, "Bounced", picture="bounced")
        read_the_raw_report(screen)
        write(screen, ANNA, "Good news, Anna")
        see_it_delivered(screen)
        see_what_anna_received(screen)
        assert screen.complaints == watching.complaints == []


def test_who_signs_up_has_the_time_zone_of_their_browser(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        in_tokyo = screen.somebody_else(time_zone="Asia/Tokyo")
        sign_up(in_tokyo)
        in_tokyo.go("/settings/profile/")
        expect(in_tokyo.page.locator("[name=time_zone]")).to_have_value("Asia/Tokyo")
        assert in_tokyo.complaints == []


def sign_up(screen: Screen) -> None:
    screen.go("/accounts/signup/")
    screen.save("sign-up")
    screen.page.fill("[name=name]", "Alice Acme")
    screen.page.fill("[name=email]", "alice@acme.test")
    screen.page.fill("[name=password1]", PASSWORD)
    screen.page.press("[name=password1]", "Enter")
    screen.page.wait_for_url("**/conversations/sent/")
    expect(screen.page.locator("header")).to_contain_text("Alice Acme")
    screen.save("nothing-sent-yet")


def write(screen: Screen, to: str, subject: str) -> None:
    screen.go("/conversations/new/")
    screen.page.fill("[name=to]", to)
    screen.page.fill("[name=subject]", subject)
    text = screen.page.get_by_role("textbox", name="Text")
    text.fill("Hello,\n\nhere is the offer you asked for.\n\nAlice")
    if to == ANNA:
        screen.save("write")
    screen.page.get_by_role("button", name="Send", exact=True).click()
    screen.page.wait_for_url(lambda url: not url.endswith("/new/"))


def see_both_arrive(screen: Screen) -> None:
    """The page was opened before they were written, and is not opened again."""
    for recipient, state in [(UNKNOWN, "Failed"), (LATE, "Bounced")]:
        row = screen.page.locator("tr", has_text=recipient).filter(has_text=state)
        expect(row.first).to_contain_text("Address does not exist")
    expect(screen.page.locator("#tab-failed .count")).to_have_text("2")
    screen.save("failed-deliveries")


def see_why(screen: Screen, recipient: str, state: str, *, picture: str) -> None:
    screen.go("/conversations/failed/")
    screen.page.get_by_role("link", name=recipient, exact=True).click()
    timeline = screen.page.locator("#timeline")
    for words in ["Written and queued", state, "Address does not exist", "5.1.1"]:
        expect(timeline).to_contain_text(words)
    screen.save(f"message-{picture}")


def read_the_raw_report(screen: Screen) -> None:
    report = screen.page.locator("#timeline details", has_text="Raw report")
    report.locator("summary").click()
    expect(report.locator("pre")).to_contain_text("message/delivery-status")
    screen.save("raw-report")


def see_it_delivered(screen: Screen) -> None:
    screen.go("/conversations/sent/")
    row = screen.page.locator("tr", has_text=ANNA)
    expect(row.get_by_text("Delivered", exact=True)).to_be_visible()
    screen.save("sent")


def see_what_anna_received(screen: Screen) -> None:
    screen.go("/practice/")
    screen.save("practice")
    screen.page.get_by_role("link", name="Good news, Anna").click()
    seen = screen.page.locator("main")
    expect(seen).to_contain_text("Alice Acme")
    expect(seen).to_contain_text("via portal.test")
    framed = screen.page.frame_locator("iframe.mail").locator("body")
    expect(framed).to_contain_text("here is the offer you asked for")
    for title in ["Headers", "Raw source"]:
        screen.page.locator("summary", has_text=title).click()
    expect(seen.locator("pre")).to_contain_text("Subject: Good news, Anna")
    screen.save("received")
