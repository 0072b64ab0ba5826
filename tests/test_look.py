"""The stylesheet's colours can be read: contrast as WCAG 2.2 asks for at level AA.

And no page is wider than its window.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles.finders import find

from tests.browser import WIDTHS, browser

TEXT, EDGE = 4.5, 3.0
PAIRS = [
    *[(TEXT, ink, "surface") for ink in ("text", "muted", "accent", "accent-strong")],
    *[(TEXT, ink, "ground") for ink in ("text", "muted", "accent", "bad")],
    *[(TEXT, ink, "hover") for ink in ("text", "muted", "accent")],
    *[(TEXT, ink, f"{ink}-soft") for ink in ("ok", "wait", "bad", "doubt", "quiet")],
    (TEXT, "bad", "surface"),
    (TEXT, "accent-strong", "accent-soft"),
    (TEXT, "on-accent", "accent"),
    (TEXT, "on-accent", "accent-strong"),
    (TEXT, "on-bad", "bad"),
    # The edge of an input and the ring of focus.
    *[
        (EDGE, line, back)
        for line in ("edge", "accent")
        for back in ("surface", "ground")
    ],
]


def stylesheet() -> str:
    path = find("portal.css")
    assert isinstance(path, str)
    return Path(path).read_text(encoding="utf-8")


def tokens(css: str) -> dict[str, tuple[float, ...]]:
    found: dict[str, tuple[float, ...]] = {}
    for name, value in re.findall(r"--([\w-]+): #([0-9a-f]{3,6});", css):
        digits = value if len(value) == 6 else "".join(c * 2 for c in value)
        found[name] = tuple(int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return found


def luminance(colour: tuple[float, ...]) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("least", "ink", "back"), PAIRS)
def test_ink_stands_out_from_its_background(
    scheme: str, least: float, ink: str, back: str
) -> None:
    light, dark = stylesheet().split("@media (prefers-color-scheme: dark)", 1)
    colours = tokens(light if scheme == "light" else dark)
    assert contrast(colours[ink], colours[back]) >= least


@pytest.mark.browser
@pytest.mark.parametrize("row", ["page-head", "cluster", "card__head"])
def test_a_word_without_a_gap_is_broken_and_the_page_not_widened(row: str) -> None:
    word = f"<h1>{'Long' * 100}</h1><strong>{'long' * 60}@customer.test</strong>"
    with browser("") as screen:
        screen.page.set_content(
            f"<style>{stylesheet()}</style>"
            f'<main class="page"><div class="{row}">{word}</div></main>'
        )
        for width in WIDTHS:
            screen.page.set_viewport_size({"width": width, "height": 844})
            needed = screen.page.evaluate("document.documentElement.scrollWidth")
            assert needed <= width
