"""Pending › Drafts, and every number of Conversations while somebody looks, in a real
browser.
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import PATIENCE, Screen, browser
from tests.portal import Portal
from tests.test_triage_in_the_browser import sign_in

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)


def test_drafts_are_turned_found_deleted_and_had_back(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        portal.sign_up("Bob Acme", "bob@acme.test")
        sign_in(screen, "bob@acme.test")
        page, subjects = screen.page, subjects_on(screen)
        for name in ("Anna", "Bert", "Carl"):
            begin_to_write(portal, name)
        screen.go("/conversations/pending/")
        page.locator("#list-drafts").click()
        expect(subjects).to_have_text(["To Carl", "To Bert", "To Anna"])
        page.locator("#sort-date").click()
        expect(subjects).to_have_text(["To Anna", "To Bert", "To Carl"])
        page.fill("#filter-q", "bert@")
        page.press("#filter-q", "Enter")
        expect(subjects).to_have_text(["To Bert"])
        page.get_by_role("link", name="Clear").click()
        expect(subjects).to_have_text(["To Carl", "To Bert", "To Anna"])

        page.get_by_label("Select the draft To Anna").check()
        begin_to_write(
            portal, "Dora"
        )  # it comes by itself, and what is ticked stays so
        expect(subjects).to_have_text(["To Dora", "To Carl", "To Bert", "To Anna"])
        expect(page.get_by_label("Select the draft To Anna")).to_be_checked()
        page.get_by_label("Select the draft To Bert").check()
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Delete 2 drafts").click()
        expect(subjects).to_have_text(["To Dora", "To Carl"])
        page.get_by_role("button", name="Undo").click()
        expect(subjects).to_have_text(["To Dora", "To Carl", "To Bert", "To Anna"])
        take_pictures(screen.without_javascript())
        assert screen.complaints == []


def test_the_numbers_on_every_page_follow_without_reloading(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as first:
        portal.sign_up("Bob Acme", "bob@acme.test")
        sign_in(first, "bob@acme.test")
        pages = {
            path: first.another_tab()
            for path in ("failed/causes/", "overview/", "drafts/", "sent/")
        }
        for path, screen in pages.items():
            screen.go(f"/conversations/{path}")
            screen.page.evaluate("window.sameDocument = true")
        for number in (1, 2):  # what was swapped goes on asking
            begin_to_write(portal, "Anna")
            for screen in pages.values():
                pending = screen.page.locator("#tab-pending .count")
                expect(pending).to_have_text(str(number))
        for screen in pages.values():
            assert screen.page.evaluate("window.sameDocument")
            assert screen.complaints == []


def take_pictures(screen: Screen) -> None:
    """Where no script would take over what a picture leaves in a page."""
    screen.go("/conversations/drafts/?q=customer&sort=oldest")
    screen.save("drafts")
    screen.page.get_by_label("Select the draft To Anna").check()
    screen.page.get_by_role("button", name="Delete").click()
    screen.save("drafts-to-delete")


def begin_to_write(portal: Portal, name: str) -> None:
    portal.post(
        "/conversations/new/",
        draft="1",
        submission=str(uuid4()),
        version="0",
        to=f"{name.lower()}@customer.test",
        subject=f"To {name}",
        body="It is ready.",
    )


def subjects_on(screen: Screen) -> Locator:
    return screen.page.locator("#folder .rows tbody td:nth-child(3)")
