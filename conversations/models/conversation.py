from __future__ import annotations

from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now


class Conversation(models.Model):
    """All mail between one user and one person."""

    uuid = models.UUIDField(default=uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="conversations"
    )
    person_address = models.CharField(max_length=254)
    person_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            # Two messages to one person at the same moment share a conversation.
            models.UniqueConstraint(
                "owner", Lower("person_address"), name="conv_conversation_one_a_person"
            ),
        ]

    def __str__(self) -> str:
        return self.person_name or self.person_address
