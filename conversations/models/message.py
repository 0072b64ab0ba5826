from __future__ import annotations

from functools import cache
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.urls import get_script_prefix, reverse
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from channels.addresses import mailbox
from channels.database.quick_rows import QuickRowsModel
from deliveryportal.accounts.access import visible_to
from deliveryportal.accounts.models import User


def message_url(uuid: UUID) -> str:
    """The address of a message's page."""
    return message_address().format(uuid)


def message_address() -> str:
    """The same of any message, with {} for its uuid."""
    return _address(get_script_prefix())


@cache
def _address(prefix: str) -> str:
    """Looked up once, and not for each row of a list."""
    nobodys = UUID(int=0)
    found = reverse("conversations:message", args=[nobodys])
    return found.replace(str(nobodys), "{}")


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(visible_to(user))

    def around(self, message: Message, each_way: int) -> list[Message]:
        """Those of its conversation just before and after it, the oldest first."""
        near = self.filter(conversation=message.conversation_id)
        before = near.filter(pk__lt=message.pk).order_by("-pk")[:each_way]
        after = near.filter(pk__gt=message.pk).order_by("pk")[:each_way]
        return [*reversed(before), message, *after]


class Message(QuickRowsModel):
    """One email as it was written. What became of it are its deliveries.

    The name and address it was written as are kept here: the identity may change
    or go, what was sent does not.
    """

    uuid = models.UUIDField(default=uuid7, unique=True, editable=False)
    conversation = models.ForeignKey(
        "conversations.Conversation",
        on_delete=models.PROTECT,
        related_name="messages",
    )
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="messages",
        db_index=False,  # that of its submissions begins with it
    )
    team = models.ForeignKey(
        "accounts.Team", on_delete=models.PROTECT, related_name="messages"
    )
    identity = models.ForeignKey(
        "channels.EmailIdentity",
        null=True,
        on_delete=models.SET_NULL,
        related_name="messages",
    )
    from_name = models.CharField(max_length=100)
    from_address = models.EmailField()
    subject = models.CharField(max_length=500, blank=True)
    body = models.TextField(blank=True)  # what a program without HTML shows
    body_html = models.TextField(blank=True)  # sanitised; empty: plain text only
    # Those who read along, as [name, wire address] each; they are in the header.
    cc = models.JSONField(default=list, blank=True)
    attachments = models.ManyToManyField(
        "conversations.Attachment", blank=True, related_name="messages"
    )
    # Whether there are any: sending thousands must not ask for each.
    has_attachments = models.BooleanField(default=False, editable=False)
    # The message this one follows up, in the same thread.
    follows = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="followed_by",
        db_index=False,  # few have one: see below
    )
    # The failed message that is sent again with this one.
    resend_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="resends",
        db_index=False,  # its constraint has one
    )
    # The Message-IDs of the thread before it, oldest first (RFC 5322, 3.6.4).
    references = models.TextField(blank=True, editable=False)
    # Made when it is written and the same in every attempt.
    message_id = models.CharField(max_length=255, editable=False)
    # The form it came from: sending the same form twice is one message.
    submission = models.UUIDField(null=True, editable=False)
    written_at = models.DateTimeField(default=now, editable=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes = [
            # What goes on with a message, for its page and when it goes.
            models.Index(
                fields=["follows"],
                condition=models.Q(follows__isnull=False),
                name="conv_message_follows",
            ),
        ]
        constraints = [
            # Not `unique=True`: that makes a second index, for LIKE, which nobody asks.
            models.UniqueConstraint(
                fields=["message_id"], name="conv_message_one_an_id"
            ),
            # A double click or a repeated POST writes nothing new.
            models.UniqueConstraint(
                fields=["sender", "submission", "conversation"],
                name="conv_message_once_a_submission",
            ),
            # What failed is sent again once to each who did not get it, however often
            # that is asked for.
            models.UniqueConstraint(
                fields=["resend_of", "conversation"],
                condition=models.Q(resend_of__isnull=False),  # few are
                name="conv_message_resent_once",
            ),
        ]

    def __str__(self) -> str:
        return self.subject or "(no subject)"

    def save(self, *args: Any, **kwargs: Any) -> None:
        written = not self._state.adding
        super().save(*args, **kwargs)
        if written:  # its deliveries show the same
            self.deliveries.update(subject=self.subject, from_address=self.from_address)

    def get_absolute_url(self) -> str:
        return message_url(self.uuid)

    @property
    def written_as(self) -> str:
        return mailbox(self.from_name, self.from_address)
