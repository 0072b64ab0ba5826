"""What an action would do, told before it is done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from conversations.models import Delivery
from conversations.triage.actions import Action
from conversations.triage.forms import Doubtful
from conversations.triage.known import Known, known_of
from conversations.triage.refusing import refusal
from conversations.triage.remedies import RESENDING
from conversations.triage.scope import CHOSEN_AT_MOST, Scope
from deliveryportal.accounts.models import User

EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Preview:
    total: int
    possible: int
    refused: list[tuple[str, int]]  # why, how many
    known: list[tuple[Known, int]]  # of those to be sent again

    @property
    def doubtful(self) -> Doubtful:
        asking = sum(number for known, number in self.known if known.asks)
        if not asking:
            return Doubtful.NONE
        return Doubtful.ALL if asking == self.possible else Doubtful.SOME


def preview(action: Action, scope: Scope, user: User) -> Preview:
    refused: Counter[str] = Counter()
    known: Counter[Known] = Counter()
    possible = 0
    for state, reason, kind, number in scope.groups(user):
        if why := refusal(action, state, reason):
            refused[why] += number
            continue
        possible += number
        if action.key in RESENDING:
            known[known_of(state, kind)] += number
    return Preview(
        possible + refused.total(), possible, refused.most_common(), known.most_common()
    )


def examples(action: Action, scope: Scope, user: User) -> list[Delivery]:
    """Some of those it would be done to: of chosen ones, all."""
    found = (
        scope.deliveries(user)
        .filter(state__in=action.states)
        .select_related("message__identity", "message__conversation")
        .select_related("sender", "channel")
        .order_by("-state_since", "-pk")
    )
    return [
        each
        for each in found[: CHOSEN_AT_MOST if scope.uuids else EXAMPLES]
        if not refusal(action, each.state, each.reason)
    ]
