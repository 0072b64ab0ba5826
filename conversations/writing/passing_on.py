"""Making a draft of somebody who is gone another person's, who sends it or not."""

from __future__ import annotations

from datetime import datetime

from django.utils.timezone import now

from conversations.models import Attachment, Draft
from deliveryportal.accounts.models import User


def pass_on(draft: Draft, heir: User, when: datetime) -> None:
    """Under the heir's name it leaves when they say so; it was to leave at `when`."""
    draft.owner = heir
    draft.identity = None  # theirs is nobody's to write as: the heir's default
    draft.follows = None  # nor can the heir go on with what they never wrote
    is_to_come = when > now()
    draft.send_at = f"{when.astimezone(heir.zone):%Y-%m-%dT%H:%M}" if is_to_come else ""
    draft.save()
    draft.attachments.set([_of(heir, each) for each in draft.attachments.all()])


def _of(heir: User, file: Attachment) -> Attachment:
    own, _ = Attachment.objects.get_or_create(
        owner=heir,
        digest=file.digest,
        name=file.name,
        defaults={
            "content_type": file.content_type,
            "size": file.size,
            "content": file.content,
        },
    )
    return own
