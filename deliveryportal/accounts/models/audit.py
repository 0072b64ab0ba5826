from __future__ import annotations

from typing import Any, NoReturn, Self

from django.db import models
from django.utils.timezone import now

from deliveryportal.accounts.models.user import User

EMPTY: tuple[Any, ...] = ("", None, [], {})


class UnchangeableError(TypeError):
    """What is in the audit log stays as it is, and stays."""


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def readable_by(self, user: User) -> Self:
        """A team's history is its managers' business."""
        return self.filter(team=user.team_id) if user.is_manager else self.none()

    def update(self, **kwargs: Any) -> NoReturn:
        raise UnchangeableError

    def delete(self) -> NoReturn:
        raise UnchangeableError


class AuditEntry(models.Model):
    """Who changed what, and when. Written once; `append_only` holds the database to it.

    Names and subjects are kept as they were: no row that goes away takes its history
    along, and none holds a person or a team back.
    """

    class Area(models.TextChoices):
        SETTINGS = "settings"
        MEMBERSHIP = "membership"
        CREDENTIALS = "credentials"
        SUPPRESSION = "suppression"
        TRIAGE = "triage"
        ADMIN = "admin", "Django admin"

    at = models.DateTimeField(default=now, editable=False)
    # No constraints in the database: they would change entries, or forbid deletions.
    team = models.ForeignKey(
        "accounts.Team",
        null=True,  # it concerns the whole installation
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,  # the indexes below begin with it
        related_name="+",
    )
    actor = models.ForeignKey(
        "accounts.User",
        null=True,  # the product itself, or the command line
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    actor_name = models.CharField(max_length=400)
    area = models.CharField(max_length=20, choices=Area)
    action = models.CharField(max_length=100)
    subject = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict, blank=True)

    objects = AuditQuerySet.as_manager()

    class Meta:
        verbose_name = "entry of the audit log"
        verbose_name_plural = "audit log"
        indexes = [
            # A team's history, newest first; with an area it is read along it.
            models.Index(fields=["team", "-id"], name="accounts_audit_team"),
            # What one member did.
            models.Index(fields=["team", "actor", "-id"], name="accounts_audit_actor"),
            # What one person did in whatever team, asked in Django admin.
            models.Index(fields=["actor", "-id"], name="accounts_audit_anywhere"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise UnchangeableError
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise UnchangeableError

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The details in words, as far as there are any."""
        return [
            (name.replace("_", " "), _words(value))
            for name, value in self.details.items()
            if value not in EMPTY
        ]


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_words(v)}" for k, v in value.items() if v not in EMPTY)
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
