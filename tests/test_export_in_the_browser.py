"""From a list to its file in a real browser: a press for the preview, one for the file."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import PATIENCE, Screen, browser
from tests.portal import Portal, wait_until
from tests.test_triage_in_the_browser import sign_in

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE)


def test_what_is_ticked_or_all_that_matches_is_downloaded_with_and_without_javascript(
    tmp_path: Path,
) -> None:
    with Portal(tmp_path) as portal, browser(portal.url) as screen:
        portal.sign_up("Bob Acme", "bob@acme.test")
        portal.write(f"unknown+{number}@bigco.test" for number in range(3))
        portal.write("unknown@elsewhere.test")
        wait_until(lambda: portal.count("failed") == 4)
        sign_in(screen, "bob@acme.test")
        everyone = {f"unknown+{number}@bigco.test" for number in range(3)}
        for each in (screen, screen.without_javascript()):
            search(each)
            each.page.get_by_label("Select the mail to unknown+1@bigco.test").check()
            assert exported(each) == {"unknown+1@bigco.test"}
            search(each)
            each.page.get_by_label("All 3 that match").check()
            assert exported(each) == everyone
        screen.save("export")
        assert screen.complaints == []


def search(screen: Screen) -> None:
    """Narrow the list by its own form, so that htmx shows the rest where it can."""
    screen.go("/conversations/failed/")
    screen.page.get_by_label("Recipient or subject").fill("bigco")
    screen.page.get_by_role("button", name="Search").click()
    expect(screen.page.locator("#filters")).to_contain_text("3 matches")
    screen.save("export-from-the-list")


def exported(screen: Screen) -> set[str]:
    """Go by the preview to the file, and read it; the preview stays, with the way back."""
    page = screen.page
    page.get_by_role("button", name="Export CSV").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        persons = {row["Person"] for row in csv.DictReader(file)}
    expect(page.get_by_role("heading", level=1)).to_have_text(
        f"Export CSV: {len(persons)}"
    )
    expect(page.get_by_role("link", name="Back", exact=True)).to_have_attribute(
        "href", "/conversations/failed/?q=bigco"
    )
    return persons
