from __future__ import annotations

from typing import Self

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from deliveryportal.accounts.models import User


class SavedSearchQuerySet(models.QuerySet["SavedSearch"]):
    def shown_to(self, user: User) -> Self:
        """The user's own searches, and those shared with their team."""
        return self.filter(
            models.Q(owner=user) | models.Q(team=user.team_id, shared=True)
        ).order_by("shared", "name")


class SavedSearch(models.Model):
    """A list with its filters, kept under a name."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="saved_searches",
    )
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.CASCADE, related_name="saved_searches"
    )
    name = models.CharField(max_length=60)
    tab = models.CharField(max_length=20)
    query = models.CharField(max_length=1000, blank=True)  # query string of the list
    shared = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now, editable=False)

    objects = SavedSearchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "saved searches"
        constraints = [
            # Saving under a name again replaces the search of that name.
            models.UniqueConstraint(
                fields=["owner", "name"], name="conv_saved_search_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def may_be_removed_by(self, user: User) -> bool:
        """Users may remove their own; managers also those shared with their team."""
        return self.owner_id == user.pk or (
            self.shared and user.is_manager and self.team_id == user.team_id
        )
