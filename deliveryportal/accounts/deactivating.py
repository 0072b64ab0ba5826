"""Closing a person's access: what becomes of mail that waits is asked first.

Accounts know nothing of mail; who does, answers the two signals.
"""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.db import transaction
from django.dispatch import Signal

from deliveryportal.accounts.auditing import Area, record, record_in
from deliveryportal.accounts.models import User
from deliveryportal.accounts.promoting import hold_team, keep_a_manager

# Sent with `member`; a receiver returns how many scheduled messages they have, and how
# many that wait for something which only they can do.
scheduled_asked = Signal()
# Sent with `member`, `heir` and `by`, inside the transaction, after they are locked
# out. What was counted goes to the heir; without one it is cancelled.
deactivated = Signal()


class MoreThanAcceptedError(Exception):
    """More is scheduled by now than was said when it was asked."""


class HeirIsGoneError(Exception):
    """Whoever was to get what is scheduled is not in the team any more."""


def scheduled_by(member: User) -> int:
    answers: list[tuple[Any, Any]] = scheduled_asked.send(User, member=member)
    return sum(number for _, number in answers)


def keep_heir(heir: User | None, member: User) -> None:
    """Raise HeirIsGoneError if the heir is not in the member's team any more."""
    team = User.objects.filter(team=member.team_id, is_active=True)
    if heir and not team.filter(pk=heir.pk).exists():
        raise HeirIsGoneError


def objection(member: User, *, by: User) -> str:
    """Return why `by` may not close or open their access; empty if they may."""
    if member.pk == by.pk:
        return "This is you. Another manager of the team can do it."
    if member.is_staff:
        return f"{member} is an admin, whose access is kept in Django admin."
    return ""


@transaction.atomic
def deactivate(member: User, *, heir: User | None, accepted: int, by: User) -> bool:
    """End their sessions and let them in no more; False if that was so already.

    `accepted` is how many scheduled messages `by` was told of. Raises
    MoreThanAcceptedError, HeirIsGoneError, and LastManagerError.
    """
    keep_a_manager(member)
    if scheduled_by(member) > accepted:
        raise MoreThanAcceptedError
    return lock_out(member, heir=heir, by=by)


@transaction.atomic
def lock_out(member: User, *, heir: User | None, by: User) -> bool:
    """The same, whoever they are and whatever is scheduled."""
    hold_team(member.team_id)  # so the heir is deactivated before this, or after
    keep_heir(heir, member)
    if not User.objects.filter(pk=member.pk, is_active=True).update(is_active=False):
        return False
    number = scheduled_by(member)
    for session in UserSession.objects.filter(user=member):
        session.end()
    deactivated.send(User, member=member, heir=heir, by=by)
    record_in(
        member.team_id,
        Area.MEMBERSHIP,
        "Deactivated a member",
        member.email,
        by=by,
        scheduled=number,
        handed_to=heir.email if heir and number else "",
    )
    return True


@transaction.atomic
def reactivate(member: User, *, by: User) -> bool:
    """Let them sign in again, as a member; False if they can already."""
    inactive = User.objects.filter(pk=member.pk, is_active=False)
    if not inactive.update(is_active=True, role=User.Role.MEMBER):
        return False
    record(Area.MEMBERSHIP, "Reactivated a member", member.email, by=by)
    return True
