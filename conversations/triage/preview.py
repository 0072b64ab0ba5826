"""What an action would do, shown before it is done."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from channels.whole_numbers import whole_number
from conversations.bounces.reasons import Speaks
from conversations.models import Delivery, Suppression
from conversations.models.delivery_queryset import DeliveryQuerySet
from conversations.triage.actions import Action
from conversations.triage.forms import Doubtful
from conversations.triage.known import Known, known_of, what_is_known
from conversations.triage.order import Skipped
from conversations.triage.refusing import Standing, hindrance, refusal
from conversations.triage.remedies import (
    CANCEL,
    DELETE,
    RESENDING,
    STOPPED,
    TO_ITS_ADDRESS,
)
from conversations.triage.scope import CHOSEN_AT_MOST, Scope, groups
from deliveryportal.accounts.models import User

ALL = "all"
EXAMPLES = 20  # shown, if there are too many to look at each
ASKED_ABOUT = 50  # the most of a list that a form may ask something about each


@dataclass(frozen=True, slots=True)
class Preview:
    total: int
    possible: int
    refused: list[tuple[str, int]]  # why, and how many
    known: list[tuple[Known, int]]  # for a resend: what is known, and of how many
    examples: list[Delivery]  # some that it would be done to; all, if they are few
    # Whether each was looked at. If not, some may be skipped when it is done.
    exact: bool
    partial: bool = False  # the numbers are only of the latest in a long list
    sends_again: bool = False

    @property
    def may_be_done(self) -> bool:
        return self.possible > 0 or self.partial

    @property
    def told(self) -> str:
        """To how many its button says that it is done: a number, or all."""
        return ALL if self.partial else str(self.possible)

    def has_grown_since(self, told: str) -> bool:
        """Whether it would be done to more than somebody was told of."""
        if told == ALL:
            return False
        return self.partial or self.possible > whole_number(told, otherwise=0)

    @property
    def is_short(self) -> bool:
        """Whether the examples are all, and so few that each can be asked about."""
        return self.possible == len(self.examples) <= ASKED_ABOUT and not self.partial

    @property
    def is_of_one_domain(self) -> bool:
        """Whether several have failed for their one domain, whoever is addressed there."""
        domains = {
            each.recipient.rpartition("@")[2].casefold() for each in self.examples
        }
        of_it = [
            each for each in self.examples if each.why and each.why.of is Speaks.DOMAIN
        ]
        return len(domains) == 1 and 1 < len(of_it) == len(self.examples)

    @property
    def shown(self) -> list[tuple[Delivery, Known | None]]:
        """The first examples, each with what is known of it if it is a resend."""
        return [
            (each, what_is_known(each) if self.known else None)
            for each in self.examples[:EXAMPLES]
        ]

    @property
    def doubtful(self) -> Doubtful:
        asking = sum(number for known, number in self.known if known.asks)
        if not asking:
            return Doubtful.SOME if self.partial and self.sends_again else Doubtful.NONE
        return Doubtful.ALL if asking == self.possible else Doubtful.SOME


def preview(action: Action, scope: Scope, user: User) -> Preview:
    refused: Counter[str] = Counter()
    known: Counter[Known] = Counter()
    possible: set[Standing] = set()
    foreseen, is_all = scope.foreseen(user)
    for standing, kind, number in groups(foreseen):
        if why := refusal(action, standing, of_many=scope.is_of_many):
            refused[why] += number
        else:
            possible.add(standing)
            known[known_of(standing.state, kind)] += number
    sends_again = action.key in RESENDING
    few = is_all and known.total() <= CHOSEN_AT_MOST
    some = _some(foreseen, possible, CHOSEN_AT_MOST if few else EXAMPLES)
    hindered = _hindered(action, some, user)
    if few:
        refused.update(hindered.values())
        known.subtract(known_of(each.state, each.channel.kind) for each in some)
        known.update(what_is_known(each) for each in some if each.pk not in hindered)
    return Preview(
        total=refused.total() + known.total(),
        possible=known.total(),
        refused=refused.most_common(),
        known=(+known).most_common() if sends_again else [],
        examples=[each for each in some if each.pk not in hindered],
        exact=few or not (sends_again or action.key in {CANCEL, DELETE}),
        partial=not is_all,
        sends_again=sends_again,
    )


def preview_of_file(scope: Scope, user: User) -> Preview:
    """The preview of an export, which refuses nothing."""
    foreseen, is_all = scope.foreseen(user)
    number = foreseen.count()
    return Preview(
        total=number,
        possible=number,
        refused=[],
        known=[],
        examples=list(_newest(foreseen, EXAMPLES).select_related("message")),
        exact=True,
        partial=not is_all,
    )


def _some(
    foreseen: DeliveryQuerySet, standings: set[Standing], number: int
) -> list[Delivery]:
    """The newest of these that stand so."""
    fitting = foreseen.filter(
        state__in={each.state for each in standings},
        reason__in={each.reason for each in standings},
        triage__in={each.triage for each in standings},
    )
    found = (
        _newest(fitting, number)
        .with_confirmed()
        .select_related("message__identity", "message__conversation", "suppression")
        .prefetch_related("suppressions")
        .prefetch_related("message__deliveries", "message__resends__conversation")
    )
    return [each for each in found if Standing.as_counted(each) in standings]


def _newest(deliveries: DeliveryQuerySet, number: int) -> DeliveryQuerySet:
    """The newest, with sender and channel; joined only once their pks are found."""
    by_date = ("-state_since", "-pk")
    pks = list(deliveries.order_by(*by_date).values_list("pk", flat=True)[:number])
    found = Delivery.objects.filter(pk__in=pks).select_related("sender", "channel")
    return found.order_by(*by_date)


def _hindered(action: Action, deliveries: list[Delivery], user: User) -> Skipped:
    """Which of these would be skipped if it were done now, and why."""
    wires = [each.recipient_wire for each in deliveries]
    stopped = (
        Suppression.objects.stopping(user.team_id, wires)
        if action.key in TO_ITS_ADDRESS
        else {}
    )
    found = {
        each.pk: STOPPED[stopped[each.recipient_wire].fails_with]
        if each.recipient_wire in stopped
        else refusal(action, Standing.of(each)) or hindrance(action, each)
        for each in deliveries
    }
    return {pk: why for pk, why in found.items() if why}
