"""What is ticked above a list, in a real browser: it is of that list and of no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import PATIENCE, browser
from tests.portal import Portal, wait_until
from tests.test_triage_in_the_browser import sign_in

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)


def test_all_that_match_stays_ticked_while_the_list_refreshes_and_not_in_another(
    tmp_path: Path,
) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        portal.sign_up("Bob Acme", "bob@acme.test")
        portal.write(f"unknown+{number}@bigco.test" for number in range(2))
        portal.write(f"unknown+{number}@elsewhere.test" for number in range(2))
        wait_until(lambda: portal.count("failed") == 4)
        sign_in(screen, "bob@acme.test")
        screen.go("/conversations/failed/")
        page = screen.page
        page.get_by_label("All 4 that match").check()
        portal.write("unknown@late.test")
        expect(page.get_by_label("All 5 that match")).to_be_checked()
        search(page, "bigco")
        expect(page.get_by_label("All 2 that match")).not_to_be_checked()
        page.get_by_label("All 2 that match").check()
        search(page, "elsewhere")
        expect(page.locator("tbody")).not_to_contain_text("bigco.test")
        expect(page.get_by_label("All 2 that match")).not_to_be_checked()
        page.get_by_label("All 2 that match").check()
        page.locator("#filter-none").click()
        expect(page.get_by_label("All 5 that match")).not_to_be_checked()
        page.get_by_label("All 5 that match").check()
        page.locator("#list-failed").click()
        expect(page.locator("#list-failed")).to_have_attribute("aria-current", "page")
        expect(page.get_by_label("All 5 that match")).not_to_be_checked()
        assert screen.complaints == []


def search(page: Page, word: str) -> None:
    page.get_by_label("Recipient or subject").fill(word)
    page.get_by_role("button", name="Search").click()
