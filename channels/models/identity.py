from __future__ import annotations

from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now

from channels.addresses import mailbox
from deliveryportal.accounts.models import User


class EmailIdentityQuerySet(models.QuerySet["EmailIdentity"]):
    def of(self, user: User) -> Self:
        return self.filter(owner=user).order_by("-is_default", "address")

    def sendable(self) -> Self:
        return self.exclude(verified_at=None)


class EmailIdentity(models.Model):
    """A name, an address and a signature that a user writes as."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities"
    )
    address = models.EmailField()
    display_name = models.CharField(max_length=100)
    signature = models.TextField(blank=True)
    is_default = models.BooleanField(default=False)
    verified_at = models.DateTimeField(null=True, blank=True)
    channel = models.ForeignKey(
        "channels.Channel",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="identities",
        help_text="The identity's own choice. None: the user's.",
    )
    created_at = models.DateTimeField(default=now, editable=False)

    objects = EmailIdentityQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "email identities"
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("address"),
                name="channels_identity_once_a_user",
                violation_error_message="You already have an identity with this address.",
            ),
            # "The default identity" is one.
            models.UniqueConstraint(
                fields=["owner"],
                condition=models.Q(is_default=True),
                name="channels_identity_one_default",
            ),
        ]

    def __str__(self) -> str:
        return mailbox(self.display_name, self.address)

    @property
    def is_verified(self) -> bool:
        return self.verified_at is not None
