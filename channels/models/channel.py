from __future__ import annotations

from typing import Any, Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from channels.fields import EncryptedJSONField
from channels.transports import (
    Scope,
    Traits,
    Transport,
    all_transports,
    kind_choices,
    transport_class,
)
from deliveryportal.accounts.models import User


class ChannelQuerySet(models.QuerySet["Channel"]):
    def usable_by(self, user: User) -> Self:
        """Theirs, their team's, and the installation's."""
        return self.filter(
            models.Q(owner=user)
            | models.Q(team=user.team_id)
            | models.Q(owner=None, team=None)
        )

    def working(self) -> Self:
        return self.filter(health=Channel.Health.WORKING)

    def picked_by(self, user: User) -> Channel | None:
        """Return the user's own choice, if they made one."""
        return self.filter(chosen_by__user=user).first()

    def for_everybody(self, kind: str) -> Channel:
        """Return the installation's channel of `kind`, made on first use."""
        channel, _ = self.get_or_create(kind=kind, owner=None, team=None)
        return channel

    def default(self) -> Channel:
        """Return the channel of everyone who picked nothing: Portal servers."""
        return self.for_everybody(
            next(
                kind
                for kind, transport in all_transports().items()
                if transport.traits.scope is Scope.INSTALLATION
            )
        )


class Channel(models.Model):
    """One way mail leaves: a kind, its settings, its credentials, its health."""

    class Health(models.TextChoices):
        WORKING = "working"
        PAUSED = "paused"  # mail waits until a person has mended it

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=30, choices=kind_choices)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="channels",
        help_text="The person whose channel this is.",
    )
    team = models.ForeignKey(
        "accounts.Team",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="channels",
        help_text="The team whose channel this is. Neither: the installation's.",
    )
    config = models.JSONField(default=dict, blank=True)
    credentials = EncryptedJSONField()
    health = models.CharField(
        max_length=10, choices=Health, default=Health.WORKING, editable=False
    )
    paused_because = models.TextField(blank=True, editable=False)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(owner=None) | models.Q(team=None),
                name="channels_channel_one_owner",
                violation_error_message="A channel is a person's or a team's.",
            ),
            # Two workers that meet a fresh installation make one Portal channel.
            models.UniqueConstraint(
                fields=["kind"],
                condition=models.Q(owner=None, team=None),
                name="channels_channel_one_for_all",
            ),
        ]

    def __str__(self) -> str:
        return self.traits.label

    @property
    def transport_class(self) -> type[Transport]:
        return transport_class(self.kind)

    @property
    def traits(self) -> Traits:
        return self.transport_class.traits

    def open_transport(self) -> Transport:
        installation: dict[str, Any] = {
            name: getattr(settings, name)
            for name in self.transport_class.installation_settings
        }
        return self.transport_class(installation | self.config, self.credentials)
