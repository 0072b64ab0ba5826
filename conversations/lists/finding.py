"""The page of a list and the number of its matches, found in the cheapest order."""

from __future__ import annotations

from dataclasses import dataclass

from conversations.lists.browsing import Browsing
from conversations.lists.columns import Layout
from conversations.lists.counting import Counting, Number
from conversations.lists.paging import Page
from conversations.models import Delivery


@dataclass(frozen=True, slots=True)
class Finding:
    page: Page[Delivery]
    matching: Number
    is_estimate: bool = False  # there are more, which were left uncounted for now


def find(
    browsing: Browsing,
    layout: Layout,
    counting: Counting,
    whole: Number,
    *,
    to_be_counted: bool,
) -> Finding:
    """Run `counting`, find the page, and count the matches.

    `whole` is the number of rows in the list without filters. In a long list, to count
    what has a common word takes longer than to read a page of it: unless they are
    `to_be_counted` all the same, it is only told that there are more.
    """
    matching: Number | None = None
    page: Page[Delivery] | None = None
    sample = None if to_be_counted else browsing.sample(counting)
    if sample is None:
        matching = _asked(browsing, counting, whole)
    counting.count()
    if sample is not None:
        page = browsing.page_in_order(layout, sample)
        if page is not None and (page.is_all or not whole.is_exact):
            return Finding(page, _number_on(page), is_estimate=not page.is_all)
        again = Counting()
        matching = _asked(browsing, again, whole)
        again.count()
    page = page or browsing.page(layout, matching)
    return Finding(page, _number_on(page) if matching is None else matching)


def _asked(browsing: Browsing, counting: Counting, whole: Number) -> Number | None:
    if not browsing.is_narrowed:
        return whole
    return browsing.count(counting, with_ids=True) if browsing.can_be_counted else None


def _number_on(page: Page[Delivery]) -> Number:
    return Number(len(page.rows), more=not page.is_all)
