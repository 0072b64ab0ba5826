"""Making members managers and managers members. A team always has a manager."""

from __future__ import annotations

from django.db import transaction

from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import Team, User

Role = User.Role


class LastManagerError(Exception):
    """Without this person the team would have no manager."""


@transaction.atomic
def promote(member: User, *, by: User) -> bool:
    """Make them a manager; False if they are one."""
    members = User.objects.filter(pk=member.pk, is_active=True, role=Role.MEMBER)
    if not members.update(role=Role.MANAGER):
        return False
    record(Area.MEMBERSHIP, "Made a member a manager", member.email, by=by)
    return True


@transaction.atomic
def demote(manager: User, *, by: User) -> bool:
    """Make them a member; False if they are one. Raises LastManagerError."""
    keep_a_manager(manager)
    managers = User.objects.filter(pk=manager.pk, role=Role.MANAGER)
    if not managers.update(role=Role.MEMBER):
        return False
    record(Area.MEMBERSHIP, "Made a manager a member", manager.email, by=by)
    return True


def hold_team(team_id: int) -> None:
    """Until the end of the transaction, let others who leave the team wait."""
    Team.objects.select_for_update(no_key=True).get(pk=team_id)


def has_a_manager(team: Team, *, besides: User | None = None) -> bool:
    """Whether the team has an active one, other than `besides`; holds the team."""
    hold_team(team.pk)
    managers = User.objects.filter(team=team, role=Role.MANAGER, is_active=True)
    if besides is not None:
        managers = managers.exclude(pk=besides.pk)
    return managers.exists()


def keep_a_manager(leaver: User) -> None:
    """Raise LastManagerError if the team has no other manager than this one.

    Holds the team: of two managers who go at the same moment the second stays.
    """
    hold_team(leaver.team_id)
    managers = User.objects.filter(
        team=leaver.team_id, role=Role.MANAGER, is_active=True
    ).values_list("pk", flat=True)
    if list(managers) == [leaver.pk]:
        raise LastManagerError
