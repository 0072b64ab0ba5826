"""A search through more mail than one page looks at, in a real browser."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import expect

from conversations.lists.paging import REACH
from tests.browser import PATIENCE, Screen, browser
from tests.portal import Portal, wait_until
from tests.test_writing import sign_up

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)


def test_a_rare_word_is_found_by_looking_further_back(tmp_path: Path) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        portal_of_many(portal, screen)
        look_further_back(screen)
        plain = screen.without_javascript()
        look_further_back(plain)
        # Shared, the address shows the same.
        plain.go(screen.page.url.removeprefix(portal.url))
        expect(plain.page.locator("#folder")).to_contain_text("anna-1@")
        take_pictures(plain)
        assert screen.complaints == []


def test_a_common_word_is_counted_as_soon_as_what_has_it_is_shown(
    tmp_path: Path,
) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        sign_up(screen)
        portal_of_many(portal, screen)
        with closing(sqlite3.connect(portal.database, timeout=30)) as database:
            failed = "SET state = 'failed', reason = 'mailbox_full'"
            database.execute(f"UPDATE conversations_delivery {failed}")
            database.commit()
        plain = screen.without_javascript()
        plain.go("/conversations/failed/?q=customer.test")
        expect(plain.page.locator("#matches")).to_have_text("50+ matches")
        screen.go("/conversations/failed/")
        screen.page.fill("#filter-q", "customer.test")
        screen.page.press("#filter-q", "Enter")
        expect(screen.page.locator("#matches")).to_have_text("999+ matches")
        expect(screen.page.locator(".acts")).to_contain_text("All 999+ that match")
        assert screen.complaints == []


def portal_of_many(portal: Portal, screen: Screen) -> None:
    """Mail to anna, the newest and the oldest of more than two pages look at."""
    screen.go("/conversations/new/")
    screen.page.fill("[name=to]", "anna@customer.test")
    screen.page.fill("[name=subject]", "Hello")
    screen.page.get_by_role("button", name="Send", exact=True).click()
    wait_until(lambda: portal.count("accepted") == 1)
    with closing(sqlite3.connect(portal.database, timeout=30)) as database, database:
        table = "conversations_delivery"
        names = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        values = dict.fromkeys(names) | {
            "id": "id + n",
            "uuid": "lower(hex(randomblob(16)))",
            "return_token": "lower(hex(randomblob(16)))",
            "recipient": f"iif(n = {2 * REACH + 9}, 'anna-1', 'bert') || '@customer.test'",
            "state_since": "strftime('%Y-%m-%d %H:%M:%f', julianday(state_since) - n / 96.0)",
        }
        database.execute(
            f"WITH RECURSIVE series(n) AS "
            f"(SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {2 * REACH + 9}) "
            f"INSERT INTO {table} ({', '.join(names)}) "
            f"SELECT {', '.join(values[name] or name for name in names)} "
            f"FROM {table}, series"
        )


def look_further_back(screen: Screen) -> None:
    """To the end of the list, and by the browser's own button to where it began."""
    page = screen.page
    screen.go("/conversations/sent/?sort=&q=anna&channel=portal")
    further = page.get_by_role("link", name="Look further back")
    told = page.locator("#folder")
    expect(told).to_contain_text("anna@customer.test")
    expect(told).to_contain_text("Looked at some 5,000 messages, back to")
    expect(told).to_contain_text("One of them matches.")
    further.click()
    expect(told).to_contain_text("No match here")
    expect(told).to_contain_text("None of them matches.")
    further.click()
    expect(told).to_contain_text("anna-1@customer.test")
    expect(told).to_contain_text("No further match: that is all.")
    expect(page.locator("[name=channel]")).to_have_value("portal")
    page.go_back()
    expect(told).to_contain_text("No match here")
    page.go_back()
    expect(told).to_contain_text("anna@customer.test")
    expect(further).to_be_visible()
    page.go_forward()
    expect(told).to_contain_text("No match here")
    further.click()
    expect(told).to_contain_text("anna-1@customer.test")


def take_pictures(screen: Screen) -> None:
    """Of each page; where no script would take over what a picture leaves in it."""
    further = screen.page.get_by_role("link", name="Look further back")
    screen.go("/conversations/sent/?q=anna")
    screen.save("looked-so-far")
    further.click()
    screen.save("nothing-so-far")
    further.click()
    screen.save("looked-to-the-end")
