from __future__ import annotations

from datetime import timedelta
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from channels.fields import EncryptedJSONField
from channels.transports import Traits, Transport, kind_choices, transport_class
from deliveryportal.accounts.models import User

LATE = timedelta(minutes=1)


class ConnectionTestQuerySet(models.QuerySet["ConnectionTest"]):
    def of(self, user: User) -> Self:
        return self.filter(user=user)


class ConnectionTest(models.Model):
    """Settings that somebody wants to use, and how a connection with them went.

    A channel is made from a passed test, so nothing is saved that was not tried.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        PASSED = "passed"
        FAILED = "failed"

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    # Set where a manager sets up the team's channel; empty: the user's own.
    team = models.ForeignKey(
        "accounts.Team", null=True, on_delete=models.CASCADE, related_name="+"
    )
    kind = models.CharField(max_length=30, choices=kind_choices)
    config = models.JSONField(default=dict)
    credentials = EncryptedJSONField()
    sender = models.EmailField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    steps = models.JSONField(default=list)  # of transports.Step, as dicts
    created_at = models.DateTimeField(default=now, editable=False)

    objects = ConnectionTestQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.traits.label}: {self.get_state_display()}"

    @property
    def transport_class(self) -> type[Transport]:
        return transport_class(self.kind)

    @property
    def traits(self) -> Traits:
        return self.transport_class.traits

    @property
    def is_over(self) -> bool:
        return self.state in {self.State.PASSED, self.State.FAILED}

    @property
    def is_late(self) -> bool:
        """Whether its worker may be gone, or was never there."""
        return not self.is_over and self.created_at < now() - LATE

    def open_transport(self) -> Transport:
        installation = self.transport_class.from_installation(settings)
        return self.transport_class({**installation, **self.config}, self.credentials)
