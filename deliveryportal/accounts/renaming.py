from __future__ import annotations

from django.db import transaction

from deliveryportal.accounts.auditing import Area, record
from deliveryportal.accounts.models import Team, User


@transaction.atomic
def rename(team: Team, name: str, *, by: User) -> bool:
    """Give the team another name; False if it has that name already."""
    if not Team.objects.filter(pk=team.pk).exclude(name=name).update(name=name):
        return False
    record(Area.SETTINGS, "Renamed the team", name, by=by, before=team.name)
    return True
