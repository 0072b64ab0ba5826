"""The stylesheet's colours can be read: contrast as WCAG 2.2 asks for at level AA."""

from __future__ import annotations

import re

import pytest
from django.contrib.staticfiles.finders import find

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
    path = find("portal.css")
    assert isinstance(path, str)
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        light, dark = file.read().split("@media (prefers-color-scheme: dark)", 1)
    colours = tokens(light if scheme == "light" else dark)
    assert contrast(colours[ink], colours[back]) >= least
