"""The menus over a list: how they open and close, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import PATIENCE, browser
from tests.portal import Portal
from tests.test_writing import sign_up

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)


def test_a_menu_closes_when_one_turns_to_something_else(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        page = screen.page
        columns = page.locator("summary", has_text="Columns")
        remember = page.get_by_role("button", name="Remember")
        save = page.locator("summary", has_text="Save this search")
        name = page.get_by_label("Name", exact=True)

        columns.click()
        page.get_by_label("Rows on a page").select_option("100")
        screen.save("menu-of-columns")
        expect(remember).to_be_visible()
        page.keyboard.press("Escape")
        expect(remember).to_be_hidden()
        expect(columns).to_be_focused()

        columns.click()
        save.click()
        expect(remember).to_be_hidden()
        expect(name).to_be_visible()
        page.get_by_role("heading", name="Conversations").click()
        expect(name).to_be_hidden()

        save.click()
        page.get_by_label("Recipient or subject").focus()
        expect(name).to_be_hidden()
        columns.click()
        columns.click()
        expect(remember).to_be_hidden()
        assert screen.complaints == []


def test_without_javascript_the_button_closes_it(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        plain = screen.without_javascript()
        columns = plain.page.locator("summary", has_text="Columns")
        plain.go("/conversations/sent/")
        columns.click()
        plain.page.get_by_role("button", name="Remember").click()
        columns.click()
        columns.click()
        expect(plain.page.get_by_role("button", name="Remember")).to_be_hidden()
