from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models.functions import Left
from django.urls import reverse
from django.utils.timezone import now

from deliveryportal.accounts.models import User

# What a row of the list begins to show, in so many letters: a text or a list of people
# may be longer than all the rest of the page.
SHOWN = ("to", "people", "subject", "body")
LETTERS = 200


class DraftQuerySet(models.QuerySet["Draft"]):
    def of(self, user: User) -> Self:
        """Their own, newest first: a draft is nobody else's business, nor a manager's."""
        return self.filter(owner=user, forget_at=None).order_by("-saved_at", "-pk")

    def for_list(self) -> Self:
        """With what a row shows, as `to_begins` and so on, and nothing else."""
        begins = {f"{field}_begins": Left(field, LETTERS) for field in SHOWN}
        return self.only("uuid", "saved_at").annotate(**begins)

    def forgettable(self, at: datetime) -> Self:
        return self.filter(forget_at__lte=at)


class Draft(models.Model):
    """A message being written: the form's fields as they stand, right or wrong.

    `uuid` is the form's submission. When it is sent or deleted the draft stays, out of
    sight, until `forget_at`: taking that back brings it into sight again.
    """

    listed_by = "saved_at"

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="drafts"
    )
    identity = models.ForeignKey(
        "channels.EmailIdentity",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    to = models.TextField(blank=True)
    cc = models.TextField(blank=True)
    bcc = models.TextField(blank=True)
    people = models.TextField(blank=True)
    subject = models.TextField(blank=True)
    body = models.TextField(blank=True)
    body_html = models.TextField(blank=True)
    send_at = models.CharField(max_length=40, blank=True)  # as typed
    follows = models.ForeignKey(
        "conversations.Message",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    # The failure that it is to be sent instead of.
    instead_of = models.ForeignKey(
        "conversations.Delivery",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="reworked",
    )
    attachments = models.ManyToManyField(
        "conversations.Attachment", blank=True, related_name="drafts"
    )
    # Counts the savings: a second tab that knows an older one must not overwrite.
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    saved_at = models.DateTimeField(default=now, editable=False)
    forget_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = DraftQuerySet.as_manager()

    class Meta:
        indexes = [
            # Pending › Drafts of one person, and their number.
            models.Index(
                fields=["owner", "-saved_at"],
                condition=models.Q(forget_at=None),
                name="conv_draft_open",
            ),
            # What the sweeper forgets.
            models.Index(
                fields=["forget_at"],
                condition=models.Q(forget_at__isnull=False),
                name="conv_draft_forgettable",
            ),
        ]

    def __str__(self) -> str:
        return self.subject or "(no subject)"

    def get_absolute_url(self) -> str:
        return reverse("conversations:draft", args=[self.uuid])
