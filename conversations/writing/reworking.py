"""Rewriting a message whose text was refused: a draft, linked to the failure."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

from django.db import transaction

from conversations.models import Delivery, Draft
from conversations.triage.deciding import sent_again
from conversations.triage.order import Order
from conversations.triage.sending_again import has_been_sent_again
from conversations.writing.drafting import keep
from conversations.writing.taking_back import typed_as, written_again
from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import User

# Reasons that lie in the message: sent again unchanged, it would fail again.
IN_THE_WORDS = frozenset(
    {"content_rejected", "message_too_big", "spam_policy", "not_sendable"}
)


def can_be_reworked(delivery: Delivery, user: User) -> bool:
    """Whether the user wrote it, and it failed for a reason that lies in the text."""
    return (
        delivery.sender_id == user.pk
        and delivery.reason in IN_THE_WORDS
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
    draft = keep(delivery.sender, uuid4(), 0, replace(written, texts=texts))
    if draft:
        draft.instead_of = delivery
        draft.save(update_fields=["instead_of"])
    return draft


def replace_failed(failed: Delivery, *, by: User) -> None:
    """Resolve the failure, because a rewritten message is on its way."""
    sent_again([failed], Order(by))
    record(Area.TRIAGE, "Sent other words instead", failed.recipient, by=by)


def replaced_by(owner: User, submission: UUID) -> Delivery | None:
    """The failure that the draft is to replace, locked; None if that was sent again."""
    draft = Draft.objects.filter(owner=owner, uuid=submission).first()
    if draft is None or draft.instead_of_id is None:
        return None
    failed = (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("message")
        .filter(pk=draft.instead_of_id)
        .first()
    )
    return failed if failed and not has_been_sent_again(failed) else None
