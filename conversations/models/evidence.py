from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.timezone import now

from channels.remote_words import RemoteWordsField
from conversations.bounces.reasons import REASONS, Reason
from conversations.models.suppression import Suppression


class EvidenceQuerySet(models.QuerySet["Evidence"]):
    def behind(self, suppression: Suppression) -> Self:
        """Evidence against the suppression's address, newest first.

        Only what came after the address was last released before this suppression, and
        before this suppression's own release.
        """
        known = self.filter(team=suppression.team_id, address=suppression.address)
        before = (
            Suppression.objects.released()
            .filter(
                team=suppression.team_id,
                address=suppression.address,
                released_at__lte=suppression.made_at,
            )
            .aggregate(models.Max("released_at"))["released_at__max"]
        )
        window = Q(at__gt=before) if before else Q()
        if suppression.released_at:
            window &= Q(at__lte=suppression.released_at)
        return known.filter(window).order_by("-at", "-pk")


class Evidence(models.Model):
    """A delivery that failed in a way that speaks against its address. Written once."""

    team = models.ForeignKey(
        "accounts.Team", on_delete=models.CASCADE, related_name="evidence"
    )
    address = models.CharField(max_length=320)  # an `address_key`
    reason = models.CharField(max_length=30)  # a key of REASONS that suppresses
    at = models.DateTimeField(default=now)
    words = RemoteWordsField(blank=True)  # the remote server's: hostile text
    # Both become NULL when they are deleted; the evidence stays.
    delivery = models.ForeignKey(
        "conversations.Delivery",
        null=True,
        on_delete=models.SET_NULL,
        related_name="evidence",
    )
    report = models.ForeignKey(
        "conversations.Report",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "evidence"
        constraints = [
            # A delivery counts once for a reason, however many reports repeat it.
            models.UniqueConstraint(
                fields=["delivery", "reason"], name="conv_evidence_once"
            ),
        ]
        indexes = [
            # The recent evidence against an address, and how much there is.
            models.Index(
                fields=["team", "address", "-at"], name="conv_evidence_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.address}: {self.reason}"

    @property
    def why(self) -> Reason | None:
        return REASONS.get(self.reason)
