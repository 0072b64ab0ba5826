"""The columns a list may have, as a table, and those a user wants in each tab."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import QuerySet

from channels.database.personal import found_for
from conversations.models import TabLayout
from deliveryportal.accounts.models import User

ROWS = (25, 50, 100)
USUAL_ROWS = 50


@dataclass(frozen=True, slots=True)
class Column:
    key: str
    label: str
    usual: frozenset[str]  # the tabs that show it by default
    managers_only: bool = False


EVERYWHERE = frozenset({"sent", "pending", "failed"})
# The person's column is not among them: it is always shown, and links to the message.
COLUMNS = (
    Column("subject", "Subject", EVERYWHERE),
    Column("member", "Member", EVERYWHERE, managers_only=True),
    Column("channel", "Channel", frozenset({"sent"})),
    Column("identity", "Identity", frozenset()),
    Column("status", "Status", EVERYWHERE),
    Column("reason", "Reason", frozenset({"pending", "failed"})),
    Column("date", "Date", EVERYWHERE),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a user sees a tab: keys of its columns in order, and rows on a page."""

    columns: tuple[str, ...]
    rows: int = USUAL_ROWS


def offered(user: User) -> list[Column]:
    return [each for each in COLUMNS if user.is_manager or not each.managers_only]


def layout_of(user: User, tab: str) -> Layout:
    layouts = {each.tab: each for each in found_for(user, _layouts)}
    kept = layouts.get(tab)
    if kept is None:
        return Layout(tuple(each.key for each in offered(user) if tab in each.usual))
    return Layout(_those(user, kept.columns), kept.rows)


def _layouts(user: User) -> QuerySet[TabLayout]:
    return TabLayout.objects.filter(user=user)


def keep_layout(user: User, tab: str, columns: Iterable[str], rows: int) -> None:
    """Save the layout, without columns and numbers of rows that are not on offer."""
    TabLayout.objects.update_or_create(
        user=user,
        tab=tab,
        defaults={
            "columns": _those(user, columns),
            "rows": rows if rows in ROWS else USUAL_ROWS,
        },
    )


def _those(user: User, keys: Iterable[str]) -> tuple[str, ...]:
    wanted = set(keys)
    return tuple(each.key for each in offered(user) if each.key in wanted)
