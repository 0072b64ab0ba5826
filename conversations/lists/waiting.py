"""The filter of Pending by what mail waits for, as a table."""

from __future__ import annotations

from django.db.models import Case, CharField, Exists, OuterRef, Q, Value, When
from django.db.models.lookups import Exact
from django.utils.timezone import now

from channels.models import Allowance, Channel
from conversations.lists.folders import scheduled
from conversations.models import Hold
from conversations.models.hold import HoldQuerySet, Scope
from conversations.models.state import IS_DOWN, SLOW_DOWN, State

WAITS: dict[str, str] = {
    "channel": "Its channel to work",
    "limit": "A limit",
    "domain": "A domain that asked to slow down",
    "try": "The next try",
    "admin": "An admin who paused it",
    "server": "Their server, which is still trying",
}


def waits_for(key: str) -> Q:
    """The condition that a row says it waits for this; follows `Delivery.wait`."""
    at = now()
    limit = Allowance.objects.on_hold(at).filter(
        channel=OuterRef("channel_id"),
        sender=OuterRef("sender_id"),
        held_until__gt=OuterRef("not_before"),
    )
    paused = Channel.objects.filter(health=Channel.Health.PAUSED)
    what = Case(
        When(state=State.DELAYED, then=Value("server")),
        When(channel__in=paused.values("pk"), then=Value("channel")),
        When(~Q(state=State.QUEUED), then=Value("")),  # it is on its way
        *_pauses(),
        When(waiting_for__endswith=IS_DOWN, then=Value("channel")),
        When(waiting_for__endswith=SLOW_DOWN, then=Value("domain")),
        When(~Q(waiting_for=""), then=Value("try")),
        When(Exists(limit), then=Value("limit")),
        default=Value(""),
        output_field=CharField(),
    )
    return Q(Exact(what, Value(key)))


def _pauses() -> list[When]:
    """A WHEN for each scope that has holds in force: usually there is none."""
    holds = Hold.objects.in_force(now())
    there = holds.scopes()
    return [
        When(_is_under(holds, scope), then=Value(_who_asked(scope)))
        for scope in Scope
        if scope in there
    ]


def _is_under(holds: HoldQuerySet, scope: Scope) -> Q:
    """Under a hold of this scope, which must outlast the time of scheduled mail.

    A hold that may be over by then is not what it waits for.
    """
    lasting = holds.over(scope).filter(until__gt=OuterRef("not_before"))
    return Q(Exists(holds.over(scope))) & (~scheduled() | Q(Exists(lasting)))


def _who_asked(scope: Scope) -> str:
    return "domain" if scope is Scope.SLOWED else "admin"
