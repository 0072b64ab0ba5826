"""Why an action cannot help a delivery, from nothing but its state and its reason."""

from __future__ import annotations

from dataclasses import dataclass

from conversations.bounces.reasons import REASONS
from conversations.models import Delivery
from conversations.models.delivery import STATUS, State
from conversations.triage.actions import ACTIONS, Action
from conversations.triage.known import Known, what_is_known
from conversations.triage.remedies import RESENDING, remedies
from conversations.triage.sending_again import has_been_sent_again


def refusal(action: Action, state: str, reason: str) -> str:
    """Say in words why the action is not for these; empty if it is."""
    if state not in action.states:
        status, _ = STATUS.get(State(state), ("Handed over", ""))
        return f"“{action.label}” is not for mail that stands as “{status}”."
    if action.key in RESENDING and action.key not in remedies(reason):
        why = REASONS.get(reason)
        title = why.title if why else "Reason not given"
        return f"{title}: “{action.label}” cannot help."
    return ""


@dataclass(frozen=True, slots=True)
class Possible:
    """One thing that can be done, and what is known before it is."""

    action: Action
    known: Known
    suggested: bool = False

    @property
    def asks(self) -> bool:
        return self.resends and self.known.asks

    @property
    def resends(self) -> bool:
        return self.action.key in RESENDING


def what_can_be_done(delivery: Delivery) -> list[Possible]:
    """What a person may do about it, the likeliest remedy first."""
    known = what_is_known(delivery)
    helping = remedies(delivery.reason)
    archived = delivery.archived_at is not None
    hidden = {"archive"} if archived else {"unarchive", "delete"}
    if has_been_sent_again(delivery):
        hidden |= RESENDING
    possible = [
        action
        for action in ACTIONS.values()
        if action.key not in hidden
        and not refusal(action, delivery.state, delivery.reason)
    ]
    possible.sort(
        key=lambda action: helping.index(action.key) if action.key in helping else 99
    )
    return [
        Possible(action, known, suggested=helping[:1] == (action.key,))
        for action in possible
    ]
