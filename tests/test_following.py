"""Links that fetch a part of a page, where something goes wrong, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import PATIENCE, browser
from tests.portal import Portal
from tests.test_writing import sign_up

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)


def test_the_focus_outlasts_a_filter_and_a_page_that_does_not_come_is_told(
    tmp_path: Path,
) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        page = screen.page
        screen.go("/conversations/failed/")

        page.locator("summary", has_text="Filters").press("Enter")
        page.get_by_label("Triage").select_option("Open")
        page.get_by_role("button", name="Apply").press("Enter")
        page.wait_for_url("**triage=open**")
        expect(page.get_by_role("button", name="Apply")).to_be_focused()

        page.get_by_role("link", name="Clear").press("Enter")
        expect(page.get_by_role("link", name="Clear")).to_have_count(0)
        expect(page.locator("#conversations")).to_be_focused()

        page.route(
            "**/failed/?list=spam", lambda route: route.fulfill(status=503, body="Down")
        )
        page.get_by_role("link", name="Spam").click()
        expect(page.locator("body")).to_have_text("Down")
