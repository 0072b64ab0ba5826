"""Why an action cannot help a delivery: never (refusal), or not now (hindrance)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from conversations.bounces.reasons import REASONS
from conversations.models import Delivery
from conversations.models.state import FAILURES, STATUS, UNDONE, State, Triage
from conversations.triage.actions import ACTIONS, EXPORT, Action, Offer
from conversations.triage.cancelling import BEGUN
from conversations.triage.deleting import ON_ITS_WAY
from conversations.triage.known import Known, what_is_known
from conversations.triage.remedies import (
    BY_ITS_CHANNEL,
    CANCEL,
    DELETE,
    RESENDING,
    STOPPED,
    TO_ITS_ADDRESS,
    remedies,
)
from conversations.triage.sending_again import (
    has_been_sent_again,
    in_its_way,
    of_channel,
)

DECIDED = (
    "Somebody has decided about it: {decided}. Open it to see why, or to send it all the "
    "same."
)


@dataclass(frozen=True, slots=True)
class Standing:
    """The facts that decide a refusal; deliveries alike in them count together."""

    state: str
    reason: str = ""
    archived: bool = False
    stopped: bool = False  # by a suppression that is not released
    triage: str = Triage.OPEN

    @classmethod
    def of(cls, delivery: Delivery) -> Standing:
        """Judge one delivery, also by suppressions that it has itself caused."""
        caused = delivery.suppressions.all()
        counted = cls.as_counted(delivery)
        if all(each.released_at for each in caused):
            return counted
        return replace(counted, stopped=True)

    @classmethod
    def as_counted(cls, delivery: Delivery) -> Standing:
        """As `scope.groups` counts it, which looks for nothing that it has caused."""
        by = delivery.suppression
        return cls(
            state=delivery.state,
            reason=delivery.reason,
            archived=delivery.archived_at is not None,
            stopped=by is not None and not by.released_at,
            triage=delivery.triage,
        )

    @property
    def decided(self) -> str:
        """What people have decided about a failure, in words; empty if nothing.

        Archiving makes it resolved by itself, so that is no decision in the archive.
        """
        undecided = UNDONE | {Triage.RESOLVED} if self.archived else UNDONE
        if self.state not in FAILURES or self.triage in undecided:
            return ""
        return str(Triage(self.triage).label)


def refusal(action: Action, standing: Standing, *, of_many: bool = False) -> str:
    """Say why the action is not for such deliveries; empty if it is.

    `of_many`: whether it is done to more than one, so that nobody looks at each.
    """
    if not action.is_for(standing.state, archived=standing.archived):
        if action.is_for(standing.state, archived=not standing.archived):
            return action.otherwise
        status, _ = STATUS.get(State(standing.state), ("Handed over", ""))
        return f"“{action.label}” is not for mail that stands as “{status}”."
    if action.key in RESENDING and action.key not in remedies(standing.reason):
        why = REASONS.get(standing.reason)
        title = why.title if why else "Reason not given"
        return f"{title}: “{action.label}” cannot help."
    if action.key in TO_ITS_ADDRESS and standing.stopped:
        return STOPPED.get(standing.reason, STOPPED["suppressed"])
    if of_many and action.key in RESENDING and standing.decided:
        return DECIDED.format(decided=standing.decided)
    return ""


def hindrance(action: Action, delivery: Delivery) -> str:
    """Say what hinders an action that would help; empty if nothing does."""
    whole = delivery.message.deliveries
    if action.key == CANCEL:  # takes back the message whole
        return "" if all(each.state == State.QUEUED for each in whole.all()) else BEGUN
    if action.key == DELETE:
        return ON_ITS_WAY if any(each.in_progress for each in whole.all()) else ""
    if action.key not in RESENDING:
        return ""
    by_its_channel = action.key in BY_ITS_CHANNEL
    return in_its_way(delivery) or (
        of_channel(delivery, delivery.channel) if by_its_channel else ""
    )


@dataclass(frozen=True, slots=True)
class Possible:
    """An action that can be done, and what is known of the delivery before it is."""

    action: Offer
    known: Known
    suggested: bool = False

    @property
    def asks(self) -> bool:
        return self.resends and self.known.asks

    @property
    def resends(self) -> bool:
        return self.action.key in RESENDING


def what_can_be_done(delivery: Delivery) -> list[Possible]:
    """What a person may do about it now, the likeliest remedy first."""
    known, standing = what_is_known(delivery), Standing.of(delivery)
    helping = remedies(delivery.reason)
    possible = [
        action
        for action in ACTIONS.values()
        if not refusal(action, standing) and not hindrance(action, delivery)
    ]
    possible.sort(
        key=lambda action: helping.index(action.key) if action.key in helping else 99
    )
    return [
        *(
            Possible(
                action,
                known,
                suggested=not place and action.key in helping and delivery.needs_a_hand,
            )
            for place, action in enumerate(possible)
        ),
        Possible(EXPORT, known),
    ]


def what_comes_first(delivery: Delivery) -> list[str]:
    """What has to be mended before the actions that would help can be done."""
    if not delivery.needs_a_hand or has_been_sent_again(delivery):
        return []
    standing = Standing.of(delivery)
    helping = (ACTIONS[key] for key in remedies(delivery.reason))
    return [
        f"{action.label}: {why}"
        for action in helping
        if action.is_for(standing.state, archived=standing.archived)
        and (why := refusal(action, standing) or hindrance(action, delivery))
    ]
