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

# Fields of which a list row reads only the first LETTERS characters: a text or a list
# of people may be longer than all the rest of the page.
SHOWN = ("to", "people", "subject", "body")
LETTERS = 200


class DraftQuerySet(models.QuerySet["Draft"]):
    def of(self, user: User) -> Self:
        """The user's own open drafts, newest first. No manager sees them."""
        return self.filter(owner=user, forget_at=None).order_by("-saved_at", "-pk")

    def for_list(self) -> Self:
        """Read only what a row shows: beginnings of texts as `to_begins` and so on."""
        begins = {f"{field}_begins": Left(field, LETTERS) for field in SHOWN}
        return self.only("uuid", "saved_at").annotate(**begins)

    def forgettable(self, at: datetime) -> Self:
        return self.filter(forget_at__lte=at)


class Draft(models.Model):
    """A message being written: the form's fields as they stand, valid or not.

    `uuid` is the form's submission. A draft that is sent or deleted stays, hidden,
    until `forget_at`; undoing that shows it again.
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
    # The failed delivery that this draft is meant to replace.
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
    # Counts the saves: a second tab that holds an older version must not overwrite.
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(default=now, editable=False)
    saved_at = models.DateTimeField(default=now, editable=False)
    forget_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = DraftQuerySet.as_manager()

    class Meta:
        indexes = [
            # Pending › Drafts of one user, and their number.
            models.Index(
                fields=["owner", "-saved_at"],
                condition=models.Q(forget_at=None),
                name="conv_draft_open",
            ),
            # Drafts that the sweeper deletes.
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
