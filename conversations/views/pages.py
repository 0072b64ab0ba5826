"""What any list shows beside its rows: its order, its filters, the way to other pages."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.utils.safestring import SafeString

from conversations.lists.columns import ROWS, Column, Layout
from conversations.lists.filtering import CRITERIA, PERIODS, Option
from conversations.lists.folders import Listing
from conversations.lists.looking import Looking
from conversations.lists.markup import Html, as_html
from conversations.lists.orders import order_by
from conversations.lists.paging import REACH, Page

OPTION = '<option value="{}">{}</option>\n'
CHOSEN = '<option value="{}" selected>{}</option>\n'


def shown_of(
    looking: Looking, page: Page[Any], layout: Layout, columns: Iterable[Column]
) -> dict[str, Any]:
    """For the templates of lists."""
    return {
        "browsing": looking,
        "listing": looking.listing,
        "filter": looking.filter,
        "query": looking.query,
        "page": page,
        "page_links": _page_links(looking, page),
        "further": _further(looking, page),
        "heads": [_head(looking, column) for column in columns],
        "layout": layout,
        "rows_offered": ROWS,
        "choices": _choices(looking),
    }


def _head(looking: Looking, column: Column) -> dict[str, Any]:
    """A column's name, and the order that its link turns the list to, if it has one."""
    listing = looking.listing
    waits = (
        column.key == "reason" and isinstance(listing, Listing) and listing.has_waiting
    )
    head: dict[str, Any] = {
        "key": column.key,
        "label": "Waits for" if waits else column.label,
    }
    order, turned = looking.order, order_by(column.key, listing)
    if turned is None:
        return head
    if order.by == turned.by:
        head |= {"order": order}
        turned = order.turned
    return head | {"turned": turned, "url": looking.address(sort=turned.key)}


def _page_links(looking: Looking, page: Page[Any]) -> list[dict[str, str]]:
    """The way to the pages around this one; without an address where there is none."""
    ends = looking.order.ends
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
        "back": looking.order.down == forward,
        "at": page.further.at,
        "url": looking.address(**{"after" if forward else "before": page.further}),
    }


def _choices(looking: Looking) -> list[dict[str, Any]]:
    """The criteria that offer a choice here, with what is chosen: that in any case."""
    values, listing = looking.filter.values, looking.listing
    tables = {"when": ("Date", [(key, words) for key, (words, *_) in PERIODS.items()])}
    if isinstance(listing, Listing):  # a draft has nothing else that is asked of mail
        for key, criterion in CRITERIA.items():
            options = [
                option
                for option in criterion.options(looking.filter.known)
                if criterion.fits(option[0], listing) or option[0] == values.get(key)
            ]
            tables[key] = criterion.label, options
    return [
        {
            "key": key,
            "label": label,
            "options": _options(tuple(options), values.get(key, "")),
        }
        for key, (label, options) in tables.items()
        if len(options) > 1 or (options and key in values)
    ]


@lru_cache(maxsize=128)
def _options(options: tuple[Option, ...], chosen: str) -> SafeString:
    """Mostly the same as for the page before, and the greater part of the filters."""
    return as_html(
        Html(CHOSEN if option[0] == chosen else OPTION, option) for option in options
    )
