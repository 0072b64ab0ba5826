from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from deliveryportal.accounts.models import User


class VerificationMailQuerySet(models.QuerySet["VerificationMail"]):
    def asked_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def to(self, address: str) -> Self:
        return self.filter(address__iexact=address)


class VerificationMail(models.Model):
    """A link that somebody had mailed to an address. Counted, so that nobody is pestered.

    It stands apart from the identity: who deletes it and adds it again does not
    begin anew.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    address = models.EmailField()
    sent_at = models.DateTimeField(default=now, editable=False)

    objects = VerificationMailQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "verification mail"
        indexes = [
            # How many a person had sent lately.
            models.Index(
                fields=["owner", "sent_at"], name="channels_verification_lately"
            ),
        ]

    def __str__(self) -> str:
        return self.address
