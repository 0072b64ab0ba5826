"""Who may see what: a member their own mail, a manager the whole team's."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.db.models import BigIntegerField, Q, Value
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django_htmx.middleware import HtmxDetails

from deliveryportal.accounts.models import User

P = ParamSpec("P")


class UserRequest(HttpRequest):
    """A request behind the sign-in: every page but the entrance."""

    user: User
    htmx: HtmxDetails


def as_key(pk: int) -> Cast:
    """Cast a number to the very type of its column: some indexes of PostgreSQL
    (btree_gin) serve no other."""
    return Cast(Value(pk), BigIntegerField())


def visible_to(user: User) -> Q:
    """What `user` may see among rows with a `sender` and a `team`."""
    return (
        Q(team=as_key(user.team_id)) if user.is_manager else Q(sender=as_key(user.pk))
    )


def manager_required(
    view: Callable[Concatenate[UserRequest, P], HttpResponse],
) -> Callable[Concatenate[UserRequest, P], HttpResponse]:
    @wraps(view)
    def guarded(
        request: UserRequest, /, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        if not request.user.is_manager:
            raise PermissionDenied("Only managers of the team may do this.")
        return view(request, *args, **kwargs)

    return guarded
