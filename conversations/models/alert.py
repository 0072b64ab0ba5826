from __future__ import annotations

from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models, transaction
from django.utils.timezone import now

from channels.remote_words import RemoteWordsField
from conversations.bounces.reasons import REASONS, Reason, Speaks
from deliveryportal.accounts.auditing import Area, record_in
from deliveryportal.accounts.models import User


class AlertQuerySet(models.QuerySet["Alert"]):
    def open(self) -> Self:
        return self.filter(closed_at=None)

    def manageable_by(self, user: User) -> Self:
        """A team's alerts are its managers' business."""
        return self.filter(team=user.team_id) if user.is_manager else self.none()


class Alert(models.Model):
    """Somebody refuses a team's mail for a reason that lies with us, not with the address.

    Open until a person closes it; the next mail refused like this opens another.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.CASCADE, related_name="alerts"
    )
    reason = models.CharField(max_length=30)  # a key of REASONS
    # The organisation that refuses, or the channel it refuses, by `Reason.of`.
    remote = models.CharField(max_length=255)
    number = models.PositiveIntegerField(default=1)  # mails refused so far
    since = models.DateTimeField()
    latest = models.DateTimeField()
    last_words = RemoteWordsField(blank=True)  # of the remote server: hostile text
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    objects = AlertQuerySet.as_manager()

    class Meta:
        constraints = [
            # One open alert for each, on which mails are counted. The index also finds
            # a team's open alerts.
            models.UniqueConstraint(
                fields=["team", "reason", "remote"],
                condition=models.Q(closed_at=None),
                name="conv_alert_open",
            ),
        ]

    def __str__(self) -> str:
        """The same title as the By cause page gives these failures."""
        return self.why.at(self.remote) if self.why else f"{self.reason}: {self.remote}"

    @property
    def why(self) -> Reason | None:
        return REASONS.get(self.reason)

    @property
    def of_a_channel(self) -> bool:
        return self.why is not None and self.why.of is Speaks.CHANNEL

    @transaction.atomic
    def close(self, by: User) -> bool:
        """Close the alert and audit it; return False if it was closed already."""
        closed = Alert.objects.open().filter(pk=self.pk)
        if not closed.update(closed_at=now(), closed_by=by):
            return False
        record_in(self.team_id, Area.TRIAGE, "Closed an alert", self, by=by)
        return True
