"""Deleting an identity: what becomes of mail that waits is said first, then done.

Channels know nothing of messages; who does, answers the two signals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.dispatch import Signal

from channels.models import EmailIdentity
from deliveryportal.accounts.auditing import Area, record

# Sent with `identity`; a receiver returns a `Consequence`, or None.
consequences_asked = Signal()
# Sent with `identity`, inside the transaction and while it is still there.
being_deleted = Signal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Consequence:
    """What a deletion would do: `affected` counts things, `url` shows them."""

    affected: int
    words: str
    url: str = ""


def consequences_of(identity: EmailIdentity) -> list[Consequence]:
    answers: list[tuple[Any, Any]] = consequences_asked.send(
        EmailIdentity, identity=identity
    )
    return [consequence for _, consequence in answers if consequence]


def affected_by(identity: EmailIdentity) -> int:
    return sum(each.affected for each in consequences_of(identity))


def objection(identity: EmailIdentity) -> str:
    """Return why it must stay, as a sentence; empty if it may go."""
    others = EmailIdentity.objects.of(identity.owner).exclude(pk=identity.pk)
    if not others.exists():
        return "This is your only identity, and without one you cannot write."
    if identity.is_default:
        return "This is your default identity: make another one the default first."
    return ""


@transaction.atomic
def delete(identity: EmailIdentity, *, accepted: int) -> bool:
    """Delete it; return False if that is not possible or does more than was accepted.

    `accepted` is how much its owner was told would be affected.
    """
    # From here on nothing new can be written as one of these.
    mine = list(EmailIdentity.objects.of(identity.owner).select_for_update())
    locked = next((each for each in mine if each.pk == identity.pk), None)
    if locked is None or objection(locked) or affected_by(locked) > accepted:
        return False
    being_deleted.send(EmailIdentity, identity=locked)
    locked.delete()
    record(
        Area.SETTINGS,
        "Deleted an email identity",
        identity.address,
        by=identity.owner,
    )
    return True
