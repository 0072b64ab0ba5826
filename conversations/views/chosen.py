"""What the address of a preview chooses, and where to go if that is nothing."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404

from conversations.triage.preview import Preview
from conversations.triage.scope import Scope
from deliveryportal.accounts.access import UserRequest
from deliveryportal.accounts.models import User


def chosen(
    request: UserRequest, foresee: Callable[[Scope, User], Preview]
) -> tuple[Scope, Preview] | None:
    """What was chosen, and what is foreseen of it; None, and a message, if nothing was."""
    scope = Scope.from_query(request.GET)
    if scope is None:
        messages.info(request, "Nothing was chosen, so nothing was done.")
        return None
    browsing = scope.browsing(request.user)
    if browsing and browsing.filter.problems:
        for problem in browsing.filter.problems:
            messages.error(request, f"{problem} So nothing was done.")
        return None
    foreseen = foresee(scope, request.user)
    if foreseen.total or foreseen.partial:
        return scope, foreseen
    if scope.uuids:
        raise Http404("There is no such delivery.")
    messages.info(request, "Nothing matches any more, so nothing was done.")
    return None
