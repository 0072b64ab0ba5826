"""The system's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    sync_playwright,
)

from tests.parts import require_part
from tests.portal import ROOT

SCREENSHOTS = ROOT / "var" / "screenshots"
WIDTHS = (1280, 390)  # a desk and a telephone
PATIENCE = 60_000  # milliseconds; only a failing test waits that long
ARGUMENTS = [
    "--no-sandbox",  # it runs as root in containers
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


class Screen:
    """One page of the browser; `complaints` collects what its console says."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._listen)

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def another_tab(self) -> Screen:
        return Screen(self.page.context.new_page(), self.address)

    def somebody_else(self, *, time_zone: str = "UTC") -> Screen:
        """A browser with nothing of this one's cookies; it ends with this one."""
        program = self.page.context.browser
        assert program
        context = _context(program, time_zone=time_zone)
        return Screen(context.new_page(), self.address)

    def without_javascript(self) -> Screen:
        """The same person in a browser that runs no scripts; it ends with this one."""
        program = self.page.context.browser
        assert program
        context = _context(program, java_script_enabled=False)
        context.add_cookies(self.page.context.cookies())  # type: ignore[arg-type]
        return Screen(context.new_page(), self.address)

    def go(self, path: str) -> None:
        response = self.page.goto(self.address + path)
        assert response
        assert response.ok, f"{path}: {response.status}"

    def save(self, name: str) -> None:
        """Save a picture at each width; nothing may stick out at the side."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        size = self.page.viewport_size
        assert size
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 844})
            path: Path = SCREENSHOTS / f"{name}-{width}.png"
            self.page.screenshot(path=path, full_page=True)
            needed = self.page.evaluate("document.documentElement.scrollWidth")
            assert needed <= width, f"{name} needs {needed} pixels of {width}"
        self.page.set_viewport_size(size)


@contextmanager
def browser(address: str, *, keeps_pages: bool = False) -> Iterator[Screen]:
    """Open a browser for the installation at `address`.

    If it `keeps_pages`, Back shows a page as it was left, where it may, as people's
    browsers do; Playwright's waiting for a page then waits for some in vain.
    """
    chromium = shutil.which("chromium")
    require_part(chromium, "chromium is not installed")
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(
            executable_path=chromium,
            args=ARGUMENTS,
            ignore_default_args=["--disable-back-forward-cache"] if keeps_pages else [],
        )
        try:
            yield Screen(_context(program).new_page(), address)
        finally:
            program.close()


def _context(
    program: Browser, *, time_zone: str = "UTC", java_script_enabled: bool = True
) -> BrowserContext:
    return program.new_context(
        viewport={"width": WIDTHS[0], "height": 844},
        locale="en-GB",
        timezone_id=time_zone,
        java_script_enabled=java_script_enabled,
    )
