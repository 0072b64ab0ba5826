"""Keeping a list with its filters under a name."""

from __future__ import annotations

from conversations.browsing import Browsing
from conversations.models import SavedSearch

MOST = 20  # of one person: each is counted whenever a list is shown
LONGEST = 60


class SearchError(Exception):
    """It cannot be kept; the words say why."""


def keep(browsing: Browsing, name: str, *, shared: bool) -> SavedSearch:
    """Keep what is looked at under a name, in place of what had that name."""
    user, name = browsing.user, name.strip()
    if not name or len(name) > LONGEST:
        raise SearchError(f"Give it a name of {LONGEST} letters at most.")
    if browsing.filter.problems:
        raise SearchError("Its filter makes no sense.")
    if shared and not user.is_manager:
        raise SearchError("Only managers share a search with the team.")
    others = SavedSearch.objects.filter(owner=user).exclude(name=name)
    if others.count() >= MOST:
        raise SearchError(f"You have {MOST} saved searches. Remove one first.")
    search, _ = SavedSearch.objects.update_or_create(
        owner=user,
        name=name,
        defaults={
            "team_id": user.team_id,
            "tab": browsing.folder.key,
            "query": browsing.query,
            "shared": shared,
        },
    )
    return search
