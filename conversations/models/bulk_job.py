from __future__ import annotations

from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils.timezone import now

from deliveryportal.accounts.models import User


class BulkJobQuerySet(models.QuerySet["BulkJob"]):
    def visible_to(self, user: User) -> Self:
        """The user's own jobs in their team; for a manager, the whole team's."""
        theirs = self.filter(team=user.team_id)
        return theirs if user.is_manager else theirs.filter(by=user)

    def unfinished(self) -> Self:
        return self.filter(finished_at=None)

    def under_way(self, user: User) -> Self:
        return self.visible_to(user).unfinished()


class BulkJob(models.Model):
    """One action on many deliveries, done in the background, and its results.

    The deliveries are kept twice: first as the query string of the list they were
    chosen from (`query`), then, once gathered, as `BulkItem`s, so that mail which
    comes into the list later is not touched.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bulk_jobs"
    )
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.PROTECT, related_name="bulk_jobs"
    )
    action = models.CharField(max_length=20)  # a key of triage.actions.ACTIONS
    options = models.JSONField(default=dict, blank=True)
    query = models.TextField(blank=True)
    # Ids of deliveries: gathered up to the first, to end at the second, which was the
    # newest when the job began.
    gathered_to = models.BigIntegerField(default=0)
    gather_until = models.BigIntegerField(default=0)
    # Kept up to date while the job runs, so that its page need not count items.
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    stop_asked = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now, editable=False)
    touched_at = models.DateTimeField(default=now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = BulkJobQuerySet.as_manager()

    class Meta:
        indexes = [
            # Unfinished jobs, never many: the sweeper hands them to a worker again,
            # and pages list them (see under_way).
            models.Index(
                fields=["touched_at"],
                condition=models.Q(finished_at=None),
                name="conv_bulk_job_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action}, {self.created_at:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("conversations:job", args=[self.uuid])

    @property
    def handled(self) -> int:
        return self.done + self.skipped

    @property
    def gathering(self) -> bool:
        return self.gathered_to < self.gather_until

    @property
    def is_of_many(self) -> bool:
        """Whether it is on a selection or a list, as `Scope.is_of_many`."""
        return bool(self.gather_until) or self.total > 1

    @property
    def stopped(self) -> bool:
        """Whether it ended before everything was done."""
        return self.finished_at is not None and (
            self.gathering or self.handled < self.total
        )


class BulkItem(models.Model):
    """One delivery of a job, and whether the action was done or why not."""

    class Outcome(models.TextChoices):
        TO_DO = "", "to do"
        DONE = "done"
        SKIPPED = "skipped"

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="items")
    # The recipient is a copy, so the job's report stays whole if the mail is deleted.
    delivery = models.ForeignKey(
        "conversations.Delivery",
        null=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    recipient = models.CharField(max_length=254)
    outcome = models.CharField(
        max_length=7, choices=Outcome, default=Outcome.TO_DO, blank=True
    )
    why = models.CharField(max_length=300, blank=True)  # why it was skipped

    class Meta:
        constraints = [
            # Gathering a delivery twice keeps it once.
            models.UniqueConstraint(
                fields=["job", "delivery"], name="conv_bulk_item_once"
            ),
        ]
        indexes = [
            # What is left to do, and the report's lists.
            models.Index(fields=["job", "outcome"], name="conv_bulk_item_outcome"),
        ]

    def __str__(self) -> str:
        return self.recipient
