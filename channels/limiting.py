"""What managers say of how fast their team may send by a kind of channel."""

from __future__ import annotations

from dataclasses import asdict

from django.db import transaction

from channels.models import Allowance, SendingLimit
from channels.transports import Pace, transport_class
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User


@transaction.atomic
def limit(kind: str, pace: Pace, *, by: User) -> None:
    """Let each member of their team send by channels of `kind` at this pace at most."""
    SendingLimit.objects.update_or_create(
        team=by.team,
        kind=kind,
        defaults={
            "messages": pace.messages,
            "seconds": pace.seconds,
            "per_day": pace.per_day,
        },
    )
    _ask_again(by.team_id, kind)
    record(
        Area.SETTINGS,
        "Limited how fast the team sends",
        _label(kind),
        by=by,
        **asdict(pace),
    )


@transaction.atomic
def use_default(kind: str, *, by: User) -> None:
    """Let the kind's own pace hold again."""
    SendingLimit.objects.filter(team=by.team_id, kind=kind).delete()
    _ask_again(by.team_id, kind)
    record(Area.SETTINGS, "Gave back the default limit", _label(kind), by=by)


def _label(kind: str) -> str:
    return transport_class(kind).traits.label


def _ask_again(team_id: int, kind: str) -> None:
    """Let lanes that rest for the old limit ask at once what the new one allows."""
    Allowance.objects.filter(sender__team=team_id, channel__kind=kind).update(
        held_until=None, held_because=""
    )
