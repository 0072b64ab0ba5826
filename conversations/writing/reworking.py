"""Rewriting a message whose text was refused: a draft, linked to the failure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from uuid import UUID, uuid4

from django.db import transaction

from channels.addresses import Address
from conversations.models import Delivery, Draft, Message
from conversations.triage.deciding import sent_again
from conversations.triage.order import Order
from conversations.triage.sending_again import (
    has_been_sent_again,
    sent_again_to,
    take_turns,
)
from conversations.writing.drafting import keep
from conversations.writing.taking_back import typed_as, written_again
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User

# Reasons that lie in the message: sent again unchanged, it would fail again.
IN_THE_WORDS = frozenset(
    {"content_rejected", "message_too_big", "spam_policy", "not_sendable"}
)
# Its writer, if they are there, may send it as somebody else.
WITHDRAWN = "withdrawn"


# Of one mail each person gets one resend.
BEFORE = (
    "Nothing was sent: to {} the mail that did not arrive has been sent again before. "
    "Take the address out, or write to it in a new message."
)
MEANWHILE = (
    "Nothing was sent yet: the mail that did not arrive, and that this is to replace, has "
    "been sent again meanwhile to {}. Write to others only, or press Send again to send "
    "this as well."
)


class SentAgainBeforeError(Exception):
    """Some of the recipients have got a resend of what this is sent instead of.

    Its writer may send it to them nevertheless once told, by the names in `asked` that
    the form repeats; if there are none, never.
    """

    def __init__(self, words: str, asked: Mapping[str, str] | None = None) -> None:
        super().__init__(words)
        self.asked = asked or {}


def can_be_reworked(delivery: Delivery, user: User) -> bool:
    """Whether the user wrote it, and it failed for a reason that lies in the text."""
    return (
        delivery.sender_id == user.pk
        and delivery.reason in IN_THE_WORDS | {WITHDRAWN}
        and delivery.needs_a_hand
        and not has_been_sent_again(delivery)
    )


@transaction.atomic
def rework(delivery: Delivery) -> Draft | None:
    """Return the draft of a replacement, to this recipient alone; make it if needed."""
    begun = Draft.objects.of(delivery.sender).filter(instead_of=delivery).first()
    if begun:
        return begun
    written = written_again(delivery.message)
    to = typed_as(delivery.recipient_name, delivery.recipient)
    texts = {**written.texts, "to": to, "cc": "", "bcc": ""}
    written = replace(written, texts=texts, instead_of=delivery)
    return keep(delivery.sender, uuid4(), 0, written)


def replace_failed(failed: Delivery, *, by: User) -> None:
    """Resolve the failure, because a rewritten message is on its way."""
    sent_again([failed], Order(by))
    record(Area.TRIAGE, "Sent other words instead", failed.recipient, by=by)


def replaced_by(
    owner: User, submission: UUID, to: Iterable[Address], told: Collection[str] = ()
) -> Delivery | None:
    """The failure that the draft is to replace, locked; None if that was sent again.

    Raises SentAgainBeforeError if it was sent again already to some of those that the
    draft goes `to`, unless by this very form, or if its writer was `told` of that.
    """
    draft = Draft.objects.filter(owner=owner, uuid=submission).first()
    if draft is None or draft.instead_of_id is None:
        return None
    failed = (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("message")
        .filter(pk=draft.instead_of_id)
        .first()
    )
    if failed is None:
        return None
    take_turns([failed.message])
    settled = has_been_sent_again(failed)
    if not Message.objects.filter(sender=owner, submission=submission).exists():
        before = sent_again_to(failed.message)
        twice = [each.shown for each in to if each.shown.lower() in before]
        if settled:
            _ask(twice, told)
        elif twice:
            raise SentAgainBeforeError(BEFORE.format(twice[0]))
    return None if settled else failed


def _ask(twice: Iterable[str], told: Collection[str]) -> None:
    """Raise SentAgainBeforeError about those of whom the writer was not told yet."""
    names = {f"sent again to {each.lower()}": each for each in twice}
    untold = {name: each for name, each in names.items() if name not in told}
    if untold:
        raise SentAgainBeforeError(MEANWHILE.format(", ".join(untold.values())), untold)
