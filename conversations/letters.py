"""What belongs in a letter besides its words: whom it is to, and its files."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from channels.mime import Attachment as File
from conversations.models import Attachment, Delivery, Message
from conversations.models.delivery import Part


def addressee(delivery: Delivery) -> tuple[str, str]:
    """Name and address in To: of whom it was written to, also in the copies."""
    if delivery.part != Part.TO:
        delivery = Delivery.objects.get(message=delivery.message_id, part=Part.TO)
    return delivery.recipient_name, delivery.recipient_wire


def enclosed_files(message: Message) -> tuple[File, ...]:
    """Its files. Many messages of one list have the same ones: read once."""
    if not message.has_attachments:
        return ()
    return _files(tuple(message.attachments.order_by("pk").values_list("uuid")))


@lru_cache(maxsize=1)
def _files(uuids: tuple[tuple[UUID], ...]) -> tuple[File, ...]:
    found = Attachment.objects.filter(uuid__in=[uuid for (uuid,) in uuids])
    return tuple(
        File(each.name, each.content_type, bytes(each.content))
        for each in found.order_by("pk")
    )
