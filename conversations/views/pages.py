"""What any list shows beside its rows: its order, its filters, the way to other pages."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.utils.safestring import SafeString

from conversations.columns import ROWS, Layout
from conversations.filtering import CRITERIA, PERIODS, Filter, Option
from conversations.looking import OLDEST_FIRST, Looking
from conversations.markup import Html, as_html
from conversations.paging import REACH, Page

OPTION = '<option value="{}">{}</option>\n'
CHOSEN = '<option value="{}" selected>{}</option>\n'


def shown_of(
    looking: Looking, page: Page[Any], layout: Layout, criteria: Iterable[str]
) -> dict[str, Any]:
    """For the templates of lists; `criteria` are those that it may be narrowed by."""
    turned = OLDEST_FIRST if looking.newest_first else ""
    return {
        "browsing": looking,
        "filter": looking.filter,
        "query": looking.query,
        "page": page,
        "page_links": _page_links(looking, page),
        "further": _further(looking, page),
        "turned": looking.address(sort=turned),
        "layout": layout,
        "rows_offered": ROWS,
        "choices": _choices(looking.filter, criteria),
    }


def _page_links(looking: Looking, page: Page[Any]) -> list[dict[str, str]]:
    """The way to the pages around this one; without an address where there is none."""
    ends = ("Newest", "Oldest") if looking.newest_first else ("Oldest", "Newest")
    previous, following = page.previous, page.next
    if looking.place.forward:
        following = following or page.further
    else:
        previous = previous or page.further
    return [
        {
            "key": key,
            "label": label,
            "rel": rel,
            "url": looking.address(**to) if there else "",
        }
        for key, label, rel, there, to in (
            ("first", ends[0], "", previous, {}),
            ("previous", "Previous", "prev", previous, {"before": previous}),
            ("next", "Next", "next", following, {"after": following}),
            ("last", ends[1], "", following, {"end": 1}),
        )
    ]


def _further(looking: Looking, page: Page[Any]) -> dict[str, Any] | None:
    """How far a page looked that is not full, and the address that goes on from there."""
    if page.further is None:
        return None
    forward = looking.place.forward
    return {
        "number": REACH,
        "back": looking.newest_first == forward,
        "at": page.further.at,
        "url": looking.address(**{"after" if forward else "before": page.further}),
    }


def _choices(narrowed: Filter, criteria: Iterable[str]) -> list[dict[str, Any]]:
    """The criteria that offer a choice, with what is chosen."""
    values = narrowed.values
    tables = {
        "when": ("Date", [(key, words) for key, (words, *_) in PERIODS.items()]),
        **{
            key: (CRITERIA[key].label, CRITERIA[key].options(narrowed.known))
            for key in criteria
        },
    }
    return [
        {
            "key": key,
            "label": label,
            "options": _options(tuple(options), values.get(key, "")),
        }
        for key, (label, options) in tables.items()
        if len(options) > 1
    ]


@lru_cache(maxsize=128)
def _options(options: tuple[Option, ...], chosen: str) -> SafeString:
    """Mostly the same as for the page before, and the greater part of the filters."""
    return as_html(
        Html(CHOSEN if option[0] == chosen else OPTION, option) for option in options
    )
