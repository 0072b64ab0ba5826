from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now

from deliveryportal.accounts.models.user import User


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Those whose link still works: it leads into no team without a manager."""
        managers = User.objects.filter(
            team=models.OuterRef("team"), role=User.Role.MANAGER, is_active=True
        )
        return self.filter(
            models.Exists(managers), accepted_at=None, expires_at__gt=now()
        )

    def by_token(self, token: str) -> Invitation | None:
        return self.open().filter(token_digest=digest(token)).first()


class Invitation(models.Model):
    """A link by which one person may join a team, once.

    The link's token is not kept, only its digest: whoever reads the database
    cannot join.
    """

    team = models.ForeignKey(
        "accounts.Team", on_delete=models.CASCADE, related_name="invitations"
    )
    email = models.EmailField()
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            # Inviting again replaces the open invitation instead of adding one.
            models.UniqueConstraint(
                "team",
                Lower("email"),
                condition=models.Q(accepted_at=None),
                name="accounts_invitation_one_open",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def renew(self) -> str:
        """Make a fresh link, the old one dies; return its token."""
        token = secrets.token_urlsafe(32)
        self.token_digest = digest(token)
        self.expires_at = now() + timedelta(days=settings.INVITATION_DAYS)
        return token
