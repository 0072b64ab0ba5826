"""How a person comes into a team: by founding one, or by a manager's invitation."""

from __future__ import annotations

from django.db import transaction
from django.dispatch import Signal
from django.utils.timezone import now

from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import Invitation, Team, User

# Sent inside the transaction that made the user; `user` is the newcomer.
joined = Signal()


@transaction.atomic
def found_team(user: User) -> None:
    """Save the new `user` as the manager of a new team."""
    user.team = Team.objects.create(name=f"{user.name}'s team"[:100])
    user.role = User.Role.MANAGER
    user.save()
    record(Area.MEMBERSHIP, "Founded the team", user.team, by=user)
    joined.send(User, user=user)


@transaction.atomic
def accept_invitation(user: User, invitation: Invitation) -> bool:
    """Save the new `user` as a member; False if the link was used meanwhile."""
    used = Invitation.objects.open().filter(pk=invitation.pk).update(accepted_at=now())
    if not used:
        return False
    user.team = invitation.team
    user.role = User.Role.MEMBER
    user.save()
    record(
        Area.MEMBERSHIP,
        "Accepted an invitation",
        user.email,
        by=user,
        invited_by=str(invitation.invited_by),
    )
    joined.send(User, user=user)
    return True
