"""How a person comes into a team: by founding one, or by a manager's invitation."""

from __future__ import annotations

from django.db import transaction
from django.dispatch import Signal
from django.utils.timezone import now

from deliveryportal.accounts.auditing import Area, record, record_in
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


@transaction.atomic
def invite(*, manager: User, email: str, by: User | None = None) -> str:
    """Invite `email` to the manager's team; return the token of the link.

    Inviting the same address again replaces the earlier link; an admin may do that
    in the manager's place.
    """
    invitation = Invitation.objects.filter(
        team=manager.team, email__iexact=email, accepted_at=None
    ).first() or Invitation(team=manager.team, email=email)
    invitation.invited_by = manager
    token = invitation.renew()
    invitation.save()
    record_in(
        manager.team_id,
        Area.MEMBERSHIP,
        "Invited a person",
        email,
        by=by or manager,
    )
    return token


@transaction.atomic
def revoke(invitation: Invitation, *, by: User) -> None:
    """Let an open invitation die; its link joins nobody any more."""
    invitation.delete()
    record(Area.MEMBERSHIP, "Revoked an invitation", invitation.email, by=by)
