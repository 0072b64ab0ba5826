"""Keeping a list with its filters under a name."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import QueryDict

from channels.database.personal import found_for
from conversations.lists.browsing import Browsing
from conversations.lists.filtering import Known
from conversations.models import SavedSearch
from conversations.triage.telling import list_in_words
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.forms import one_line
from deliveryportal.accounts.models import User

MOST = 20  # of one user: each one's matches are counted whenever a list is shown
LONGEST = 60
# Characters of a percent-encoded address, in which a Chinese one takes nine.
LONGEST_QUERY = 1_000
# What the audit log is told, by whether it was shared before and is now. Private
# searches are not logged.
NOTED = {
    (False, True): "Shared a saved search",
    (True, True): "Changed a shared saved search",
    (True, False): "Stopped sharing a saved search",
}


class SearchError(Exception):
    """The search cannot be saved; the message says why."""


@transaction.atomic
def keep(browsing: Browsing, name: str, *, shared: bool) -> SavedSearch:
    """Save the view under a name, replacing the user's search of that name.

    Raises SearchError.
    """
    user, name = browsing.user, name.strip()
    if not name or len(name) > LONGEST:
        raise SearchError(f"Give it a name of {LONGEST} letters at most.")
    try:
        one_line(name)
    except ValidationError:
        raise SearchError("Write its name without control characters.") from None
    if browsing.filter.problems:
        raise SearchError("Its filter makes no sense.")
    if len(browsing.query) > LONGEST_QUERY:
        raise SearchError(
            "It looks for too much text: look for fewer or shorter words."
        )
    if shared and not user.is_manager:
        raise SearchError("Only managers share a search with the team.")
    mine = SavedSearch.objects.filter(owner=user)
    if mine.exclude(name=name).count() >= MOST:
        raise SearchError(f"You have {MOST} saved searches. Remove one first.")
    was_shared = mine.filter(name=name, shared=True).exists()
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
    if action := NOTED.get((was_shared, shared)):
        shows = list_in_words(browsing)
        record(Area.SETTINGS, action, search, by=user, shows=shows)
    return search


def shown_to(user: User, known: Known) -> Iterator[tuple[SavedSearch, Browsing]]:
    """Yield the user's own searches, and those shared with the team.

    Of shared ones, those that filter by a member or identity are only for managers.
    """
    for search in found_for(user, SavedSearch.objects.shown_to):
        seen = Browsing.of(user, search.tab, QueryDict(search.query), known)
        theirs = search.owner_id == user.pk or user.is_manager
        if seen and (theirs or not seen.filter.names_somebody):
            yield search, seen


@transaction.atomic
def remove(search: SavedSearch, *, by: User) -> None:
    """Delete the search; the mail it finds is not touched."""
    search.delete()
    if search.shared:
        record(Area.SETTINGS, "Removed a shared saved search", search, by=by)
