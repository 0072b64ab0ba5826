"""What managers say of how fast their team may send by a kind of channel."""

from __future__ import annotations

from django.db import transaction

from channels.models import Allowance, SendingLimit
from channels.transports import Pace
from deliveryportal.accounts.models import Team


@transaction.atomic
def limit(team: Team, kind: str, pace: Pace) -> None:
    """Let each member send by channels of `kind` at this pace at most."""
    SendingLimit.objects.update_or_create(
        team=team,
        kind=kind,
        defaults={
            "messages": pace.messages,
            "seconds": pace.seconds,
            "per_day": pace.per_day,
        },
    )
    _ask_again(team, kind)


@transaction.atomic
def use_default(team: Team, kind: str) -> None:
    """Let the kind's own pace hold again."""
    SendingLimit.objects.filter(team=team, kind=kind).delete()
    _ask_again(team, kind)


def _ask_again(team: Team, kind: str) -> None:
    """Let what waits for the limit of before be tried with the new one, not then."""
    Allowance.objects.filter(sender__team=team, channel__kind=kind).update(
        held_until=None, held_because=""
    )
