"""The actions that people can take on mail, as a table, with their words.

A new action is a file named for it and a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse

from conversations.lists.exporting import HEAD
from conversations.models import Delivery
from conversations.models.state import FAILURES, State
from conversations.triage.archiving import archive, unarchive
from conversations.triage.cancelling import cancel
from conversations.triage.changing_channel import send_through_another
from conversations.triage.correcting import correct
from conversations.triage.deciding import decide
from conversations.triage.deleting import delete
from conversations.triage.forms import (
    ActionForm,
    ChannelForm,
    CorrectionForm,
    DecisionForm,
)
from conversations.triage.order import Order, Skipped
from conversations.triage.remedies import (
    AGAIN,
    CANCEL,
    CORRECT,
    DELETE,
    OTHER_CHANNEL,
    RETRY,
)
from conversations.triage.retrying import retry
from conversations.triage.settling import settle_as_arrived, settle_as_lost

SETTLED = frozenset({State.ACCEPTED, *FAILURES})
NONE: frozenset[State] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a button offers for some deliveries; the button leads to a preview."""

    key: str
    label: str  # on buttons
    says: str  # what it does, for the preview
    dangerous: bool = False
    removes: bool = False  # the message has no page afterwards

    @cached_property
    def url(self) -> str:
        return reverse("conversations:act", args=[self.key])


@dataclass(frozen=True, kw_only=True)
class Action(Offer):
    """One thing that can be done to deliveries in some states."""

    done: str  # the words after a number, as in "31 archived"
    act: Callable[[list[Delivery], Order], Skipped]
    states: frozenset[State]
    # If other states apply to archived mail: these, and the sentence for mail that the
    # action would fit if it were archived, or were not.
    in_archive: frozenset[State] | None = None
    otherwise: str = ""
    form: type[ActionForm] = ActionForm

    def is_for(self, state: str, *, archived: bool) -> bool:
        in_archive = self.states if self.in_archive is None else self.in_archive
        return state in (in_archive if archived else self.states)


ACTIONS: dict[str, Action] = {
    action.key: action
    for action in (
        Action(
            key=RETRY,
            label="Retry",
            done="sent again",
            says="Each is sent again by the channel it took, as a new message that is "
            "linked to the old one.",
            act=retry,
            states=frozenset(FAILURES) - {State.COMPLAINED},
        ),
        Action(
            key=AGAIN,
            label="Send again",
            done="sent again",
            says="It has not failed: whoever got it gets it twice. Each is sent by the "
            "channel it took, as a new message that is linked to the old one.",
            act=retry,
            states=frozenset({State.ACCEPTED}),
        ),
        Action(
            key=OTHER_CHANNEL,
            label="Send through another channel",
            done="sent again through another channel",
            says="Each is sent again by the channel you choose, as a new message that is "
            "linked to the old one.",
            act=send_through_another,
            states=SETTLED - {State.COMPLAINED},
            form=ChannelForm,
        ),
        Action(
            key=CORRECT,
            label="Correct the address",
            done="sent to another address",
            says="The same words go to the right address, as a new message that is linked "
            "to the old one. What is known of the wrong address stays as it is.",
            act=correct,
            states=frozenset({State.FAILED, State.BOUNCED, State.UNCONFIRMED}),
            form=CorrectionForm,
        ),
        Action(
            key="arrived",
            label="It arrived",
            done="settled as arrived",
            says="You have found out that it came through. It leaves Failed deliveries.",
            act=settle_as_arrived,
            states=frozenset({State.UNCONFIRMED}),
        ),
        Action(
            key="not-arrived",
            label="It did not arrive",
            done="settled as not arrived",
            says="You have found out that nothing came through. It counts as failed, and "
            "can be sent again without a doubt.",
            act=settle_as_lost,
            states=frozenset({State.UNCONFIRMED}),
        ),
        Action(
            key="decide",
            label="Decide",
            done="decided about",
            says="Says what becomes of the failure, and who looks after it. Nothing is "
            "sent.",
            act=decide,
            states=frozenset(FAILURES),
            in_archive=NONE,
            otherwise="What is archived is decided: unarchive it first.",
            form=DecisionForm,
        ),
        Action(
            key=CANCEL,
            label="Cancel",
            done="cancelled and back in Drafts",
            says="It does not leave. It stands again in the drafts of whoever wrote it, to "
            "be changed, sent or deleted there; in yours, if that person is deactivated.",
            act=cancel,
            states=frozenset({State.QUEUED}),
            removes=True,
        ),
        Action(
            key="archive",
            label="Archive",
            done="archived",
            says="It leaves the lists and is kept. A failure counts as resolved.",
            act=archive,
            states=SETTLED,
            in_archive=NONE,
            otherwise="It is archived already.",
        ),
        Action(
            key="unarchive",
            label="Unarchive",
            done="taken out of the archive",
            says="It comes back into the lists.",
            act=unarchive,
            states=NONE,
            in_archive=SETTLED | {State.DELAYED},
            otherwise="It is not archived.",
        ),
        Action(
            key=DELETE,
            label="Delete",
            done="deleted",
            says="It is deleted here for good, with its timeline and its raw reports’ "
            "link to it. What was sent stays sent, and a suppressed address suppressed.",
            act=delete,
            states=NONE,
            in_archive=SETTLED,
            otherwise="Only what is archived can be deleted: archive it first.",
            dangerous=True,
            removes=True,
        ),
    )
}

# For any list. It only reads, so whoever may see a list may export it.
EXPORT = Offer(
    key="export",
    label="Export CSV",
    says="You get a file for a spreadsheet, with a row for each. Nothing changes here. "
    f"Its columns: {', '.join(HEAD)}.",
)

# The actions that a tab offers for ticked rows, in this order.
IN_TABS: dict[str, tuple[str, ...]] = {
    "sent": (AGAIN, OTHER_CHANNEL, "archive"),
    "pending": (CANCEL,),
    "failed": (
        RETRY,
        OTHER_CHANNEL,
        CORRECT,
        "arrived",
        "not-arrived",
        "decide",
        "archive",
    ),
}

# The same for lists that offer something else than the rest of their tab.
IN_LISTS: dict[tuple[str, str], tuple[str, ...]] = {
    ("sent", "archived"): (RETRY, AGAIN, OTHER_CHANNEL, CORRECT, "unarchive", DELETE),
}


def offers_in(tab: str, listing: str = "") -> list[Offer]:
    keys = IN_LISTS.get((tab, listing)) or IN_TABS.get(tab, ())
    return [*(ACTIONS[key] for key in keys), EXPORT]
