from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from channels.models.personal import found_for
from conversations.browsing import Browsing
from conversations.columns import COLUMNS, ROWS, Column, layout_of, offered
from conversations.counting import Counting, Number
from conversations.filtering import CRITERIA, PERIODS, Known, Option
from conversations.folders import FOLDERS
from conversations.markup import Html, as_html
from conversations.models import Alert, BulkJob
from conversations.models.state import State
from conversations.orders import order_by
from conversations.paging import REACH, Page
from conversations.rows import rows_of
from conversations.searches import shown_to
from conversations.triage.actions import ACTIONS, Action, actions_in
from conversations.views.live import live
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import User

OPTION = '<option value="{}">{}</option>\n'
CHOSEN = '<option value="{}" selected>{}</option>\n'
MOST_JOBS = 5
# What refreshes by itself: the list, and beside it every number.
LIVE = {
    "live_list": "conversations/_list.html",
    "live_tabs": "conversations/_tabs.html",
    "live_lists": "conversations/_lists.html",
    "live_searches": "conversations/_searches.html",
}


@require_safe
def folder(request: UserRequest, key: str) -> HttpResponse:
    """One tab of Conversations; the address narrows it. htmx asks for the live part."""
    known = Known(request.user)
    browsing = Browsing.of(request.user, key, request.GET, known)
    if browsing is None:
        raise Http404("There is no such list.")
    if "" in request.GET.values():  # the fields of the form that were left empty
        return redirect(browsing.url)
    layout = layout_of(request.user, key)
    counted = _counted(browsing, known)
    page = browsing.page(layout, counted["matching"])
    if counted["matching"] is None:
        counted["matching"] = Number(len(page.rows), more=not page.is_all)
    for each in counted["searches"]:
        if each["current"]:  # the one number that the page tells
            each["count"] = counted["matching"]
    columns = [each for each in COLUMNS if each.key in layout.columns]
    context = {
        "browsing": browsing,
        "folder": browsing.folder,
        "listing": browsing.listing,
        "filter": browsing.filter,
        "query": browsing.query,
        "page": page,
        "actions": actions_in(browsing.folder.key, browsing.listing.key),
        "page_links": _page_links(browsing, page),
        "further": _further(browsing, page),
        "layout": layout,
        "heads": [_head(browsing, each) for each in columns],
        "body": rows_of(
            page.rows, [each.key for each in columns], waiting=key == "pending"
        ),
        "offered": offered(request.user),
        "rows_offered": ROWS,
        "cause": browsing.filter.cause,
        "without_cause": browsing.address(cause=""),
        "choices": _choices(browsing, known),
        "offers_resends": State.FAILED in browsing.listing.states,
        "alerts": found_for(request.user, _alerts) if key == "failed" else [],
        **counted,
    }
    return live(request, "conversations/folder.html", LIVE, context)


def _alerts(user: User) -> QuerySet[Alert]:
    return Alert.objects.manageable_by(user).open().order_by("-number")


def _jobs(user: User) -> list[tuple[Action, BulkJob]]:
    """What is being done to many. Asked only where there is something."""
    latest = BulkJob.objects.under_way(user).select_related("by").order_by("-pk")
    return [(ACTIONS[each.action], each) for each in latest[:MOST_JOBS]]


def _head(browsing: Browsing, column: Column) -> dict[str, Any]:
    """A column's name, and the order that its link turns the list to, if it has one."""
    waits = column.key == "reason" and browsing.listing.has_waiting
    head: dict[str, Any] = {
        "key": column.key,
        "label": "Waits for" if waits else column.label,
    }
    order, turned = browsing.order, order_by(column.key, browsing.listing)
    if turned is None:
        return head
    if order.by == turned.by:
        head |= {"order": order}
        turned = order.turned
    return head | {"turned": turned, "url": browsing.address(sort=turned.key)}


def _page_links(browsing: Browsing, page: Page) -> list[dict[str, str]]:
    """The way to the pages around this one; without an address where there is none."""
    ends = browsing.order.ends
    previous, following = page.previous, page.next
    if browsing.place.forward:
        following = following or page.further
    else:
        previous = previous or page.further
    return [
        {
            "key": key,
            "label": label,
            "rel": rel,
            "url": browsing.address(**to) if there else "",
        }
        for key, label, rel, there, to in (
            ("first", ends[0], "", previous, {}),
            ("previous", "Previous", "prev", previous, {"before": previous}),
            ("next", "Next", "next", following, {"after": following}),
            ("last", ends[1], "", following, {"end": 1}),
        )
    ]


def _further(browsing: Browsing, page: Page) -> dict[str, Any] | None:
    """How far a page looked that is not full, and the address that goes on from there."""
    if page.further is None:
        return None
    forward = browsing.place.forward
    return {
        "number": REACH,
        "back": browsing.order.down == forward,
        "at": page.further.at,
        "url": browsing.address(**{"after" if forward else "before": page.further}),
    }


def _choices(browsing: Browsing, known: Known) -> list[dict[str, Any]]:
    """The criteria that offer a choice here, with what is chosen: that in any case."""
    values = browsing.filter.values
    tables = {"when": ("Date", [(key, words) for key, (words, *_) in PERIODS.items()])}
    for key, criterion in CRITERIA.items():
        options = [
            option
            for option in criterion.options(known)
            if criterion.fits(option[0], browsing.listing)
            or option[0] == values.get(key)
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


def _counted(browsing: Browsing, known: Known) -> dict[str, Any]:
    """Tabs, lists and saved searches with their numbers, asked for together."""
    user, folder, member = browsing.user, browsing.folder, browsing.filter.member
    counting = Counting()
    number = counting.of_lists(user, member)
    numbers = {each.key: number(each) for each in folder.all_lists}
    tabs = [
        {
            "folder": each,
            "url": f"{each.url}?member={member.pk}" if member else each.url,
            "count": number(each.counted, *([] if member else each.besides)),
        }
        for each in FOLDERS.values()
    ]
    lists = [
        {
            "listing": each,
            "url": browsing.address_in(each),
            "count": numbers[each.key],
        }
        for each in folder.all_lists
    ]
    neighbours = [
        {"neighbour": each, "count": counting.theirs(user, each.rows)}
        for each in folder.neighbours
    ]
    searches = [
        {
            "search": search,
            "url": seen.url,
            "current": seen.url == browsing.url,
            "removable": search.may_be_removed_by(user),
            "for_managers": seen.filter.names_somebody,
            "count": seen.count(counting)
            if seen.can_be_counted
            else seen.count_latest(counting),
        }
        for search, seen in shown_to(user, known)
    ]
    matching: Number | None = numbers[browsing.listing.key]
    whose = {"member"} if member else set()  # they are counted like that already
    if browsing.filter.values.keys() - whose:
        matching = (
            browsing.count(counting, with_ids=True) if browsing.can_be_counted else None
        )
    under_way = counting.theirs(user, BulkJob.objects.under_way)
    counting.count()
    return {
        "jobs": _jobs(user) if under_way else [],
        "tabs": tabs,
        "lists": lists,
        "neighbours": neighbours,
        "searches": searches,
        "matching": matching,
    }
