from __future__ import annotations

from deliveryportal.accounts.models.audit import AuditEntry
from deliveryportal.accounts.models.invitation import Invitation
from deliveryportal.accounts.models.team import Team
from deliveryportal.accounts.models.user import User

__all__ = ["AuditEntry", "Invitation", "Team", "User"]
