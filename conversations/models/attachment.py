from __future__ import annotations

from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.timezone import now

from conversations.models.message import Message
from deliveryportal.accounts.models import User


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def visible_to(self, user: User) -> Self:
        """Files of messages the user may see, and all files the user owns."""
        with_it = Message.objects.visible_to(user).filter(attachments=OuterRef("pk"))
        return self.filter(Q(owner=user) | Exists(with_it))

    def without_content(self) -> Self:
        return self.defer("content").order_by("pk")

    def unused(self) -> Self:
        """Files that no message or draft has; their content is not read."""
        return self.filter(messages=None, drafts=None).defer("content")


class Attachment(models.Model):
    """A file that goes with messages and drafts, kept once for all of them.

    In the database and not in a folder: the workers that send it may be on other
    machines, it is committed or lost together with its message, and a backup has
    both. A mail to five hundred people shares one copy.
    """

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="attachments"
    )
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    digest = models.CharField(max_length=64, editable=False)  # SHA-256, hex
    content = models.BinaryField()
    created_at = models.DateTimeField(default=now, editable=False)

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        constraints = [
            # The same file chosen again is the same row.
            models.UniqueConstraint(
                fields=["owner", "digest", "name"], name="conv_attachment_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name
