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
    """The address of any message's page, with {} for its uuid."""
    return _address(get_script_prefix())


@cache
def _address(prefix: str) -> str:
    """Resolve the URL once, and not for each row of a list."""
    nobodys = UUID(int=0)
    found = reverse("conversations:message", args=[nobodys])
    return found.replace(str(nobodys), "{}")


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(visible_to(user))

    def around(self, message: Message, each_way: int) -> list[Message]:
        """The message amid up to `each_way` earlier and later ones of its conversation.

        Oldest first.
        """
        near = self.filter(conversation=message.conversation_id)
        before = near.filter(pk__lt=message.pk).order_by("-pk")[:each_way]
        after = near.filter(pk__gt=message.pk).order_by("pk")[:each_way]
        return [*reversed(before), message, *after]


class Message(QuickRowsModel):
    """One email as it was written. Its deliveries say what became of it.

    The sender's name and address are copied here: the identity may change or be
    deleted, but what was sent does not change.
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
        db_index=False,  # the index of conv_message_once_a_submission begins with it
    )
    team = models.ForeignKey(
        "accounts.Team",
        on_delete=models.PROTECT,
        related_name="messages",
        db_index=False,  # lists are of deliveries
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
    # The recipients in the Cc header, as [name, wire address] each.
    cc = models.JSONField(default=list, blank=True)
    attachments = models.ManyToManyField(
        "conversations.Attachment", blank=True, related_name="messages"
    )
    # Whether it has attachments: sending thousands must not query that for each.
    has_attachments = models.BooleanField(default=False, editable=False)
    # The message this one follows up, in the same thread.
    follows = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="followed_by",
        db_index=False,  # few follow one: a partial index, below
    )
    # The failed message that is sent again with this one.
    resend_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="resends",
        db_index=False,  # conv_message_resent_once has one
    )
    # The References header: Message-IDs of the thread, oldest first (RFC 5322, 3.6.4).
    references = models.TextField(blank=True, editable=False)
    # Made when it is written and the same in every attempt.
    message_id = models.CharField(max_length=255, editable=False)
    # The form it was sent from: sending a form twice makes no second message.
    submission = models.UUIDField(null=True, editable=False)
    written_at = models.DateTimeField(default=now, editable=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        indexes = [
            # The follow-ups of a message: for its page, and to clear `follows` when it
            # is deleted.
            models.Index(
                fields=["follows"],
                condition=models.Q(follows__isnull=False),
                name="conv_message_follows",
            ),
        ]
        constraints = [
            # Not `unique=True`: that makes a second index, for LIKE, which nobody uses.
            models.UniqueConstraint(
                fields=["message_id"], name="conv_message_one_an_id"
            ),
            # A double click or a repeated POST writes nothing new.
            models.UniqueConstraint(
                fields=["sender", "submission", "conversation"],
                name="conv_message_once_a_submission",
            ),
            # A failed message is sent again only once to each person, however often
            # somebody asks for that.
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
        if written:  # keep the copies on its deliveries in step
            self.deliveries.update(subject=self.subject, from_address=self.from_address)

    def get_absolute_url(self) -> str:
        return message_url(self.uuid)

    @property
    def written_as(self) -> str:
        return mailbox(self.from_name, self.from_address)
