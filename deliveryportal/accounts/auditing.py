"""Writing the audit log, in the transaction of what it tells of: both or neither.

Never hand it a secret: what it is told is read by all managers of the team, for ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deliveryportal.accounts.models import AuditEntry, User

Area = AuditEntry.Area
THE_PORTAL = "DeliveryPortal"  # where no person did it
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`by` is None if the product did it, `team_id` if it concerns all teams."""

    area: Area
    action: str
    subject: object = ""
    by: User | None
    team_id: int | None
    details: Mapping[str, Any] = field(default_factory=dict)


def record(
    area: Area, action: str, subject: object = "", *, by: User, **details: Any
) -> None:
    """Note what a person did in their own team."""
    record_in(by.team_id, area, action, subject, by=by, **details)


def record_in(
    team_id: int,
    area: Area,
    action: str,
    subject: object = "",
    /,
    *,
    by: User,
    **details: Any,
) -> None:
    """Note what a person did in a team, which is not an admin's own."""
    record_all(
        [
            Change(
                area=area,
                action=action,
                subject=subject,
                by=by,
                team_id=team_id,
                details=details,
            )
        ]
    )


def record_all(changes: Iterable[Change]) -> None:
    AuditEntry.objects.bulk_create(_entry(change) for change in changes)


def _entry(change: Change) -> AuditEntry:
    by = change.by
    return AuditEntry(
        team_id=change.team_id,
        actor=by,
        actor_name=_line(f"{by.name} <{by.email}>") if by else THE_PORTAL,
        area=change.area,
        action=change.action,
        subject=_line(str(change.subject))[:300],
        details=dict(change.details),
    )


def _line(text: str) -> str:
    """Much of it is text from outside: it must not look like another line."""
    return _CONTROL.sub(" ", text).strip()
