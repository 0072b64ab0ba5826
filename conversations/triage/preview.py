"""What an action would do, told before it is done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from conversations.models import Delivery, Suppression
from conversations.triage.actions import Action
from conversations.triage.forms import Doubtful
from conversations.triage.known import Known, known_of, what_is_known
from conversations.triage.order import Skipped
from conversations.triage.refusing import Standing, hindrance, refusal
from conversations.triage.remedies import RESENDING, STOPPED, TO_ITS_ADDRESS
from conversations.triage.scope import CHOSEN_AT_MOST, Scope
from deliveryportal.accounts.models import User

EXAMPLES = 20  # of more than can be looked at one by one


@dataclass(frozen=True, slots=True)
class Preview:
    total: int
    possible: int
    refused: list[tuple[str, int]]  # why, how many
    known: list[tuple[Known, int]]  # of those to be sent again
    examples: list[Delivery]  # of those it would be done to: of few, all
    # Each was looked at: of more, some will be found to be hindered only in their turn.
    exact: bool

    @property
    def doubtful(self) -> Doubtful:
        asking = sum(number for known, number in self.known if known.asks)
        if not asking:
            return Doubtful.NONE
        return Doubtful.ALL if asking == self.possible else Doubtful.SOME


def preview(action: Action, scope: Scope, user: User) -> Preview:
    refused: Counter[str] = Counter()
    known: Counter[Known] = Counter()
    for standing, kind, number in scope.groups(user):
        if why := refusal(action, standing):
            refused[why] += number
        else:
            known[known_of(standing.state, kind)] += number
    few = known.total() <= CHOSEN_AT_MOST
    some = _some(action, scope, user, CHOSEN_AT_MOST if few else EXAMPLES)
    hindered = _hindered(action, some, user)
    if few:
        refused.update(hindered.values())
        known.subtract(what_is_known(each) for each in some if each.pk in hindered)
    return Preview(
        total=refused.total() + known.total(),
        possible=known.total(),
        refused=refused.most_common(),
        known=(+known).most_common() if action.key in RESENDING else [],
        examples=[each for each in some if each.pk not in hindered],
        exact=few or action.key not in RESENDING,
    )


def _some(action: Action, scope: Scope, user: User, number: int) -> list[Delivery]:
    """The newest of those that the action is for."""
    found = (
        scope.deliveries(user)
        .filter(state__in=action.states | (action.in_archive or action.states))
        .select_related("message__identity", "message__conversation")
        .select_related("sender", "channel", "suppression")
        .prefetch_related("suppressions")
        .prefetch_related("message__deliveries", "message__resends__conversation")
        .order_by("-state_since", "-pk")
    )
    return [each for each in found[:number] if not refusal(action, Standing.of(each))]


def _hindered(action: Action, deliveries: list[Delivery], user: User) -> Skipped:
    """What would be skipped of these if it were done now, and why."""
    wires = [each.recipient_wire for each in deliveries]
    stopped = (
        Suppression.objects.stopping(user.team_id, wires)
        if action.key in TO_ITS_ADDRESS
        else {}
    )
    found = {
        each.pk: STOPPED[stopped[each.recipient_wire].fails_with]
        if each.recipient_wire in stopped
        else hindrance(action, each)
        for each in deliveries
    }
    return {pk: why for pk, why in found.items() if why}
