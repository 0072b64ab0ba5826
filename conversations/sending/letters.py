"""Building the email of a delivery: addresses, text and files."""

from __future__ import annotations

from functools import lru_cache
from uuid import UUID

from django.conf import settings

from channels.connecting import account_at
from channels.mime import Attachment as File
from channels.mime import Letter, to_bytes
from channels.return_path import return_path
from channels.transports import OutgoingEmail, Transport, VisibleSender
from conversations.models import Attachment, Delivery, Message
from conversations.models.state import Part
from conversations.writing.rich_text import as_document


def email_for(delivery: Delivery, transport: Transport) -> OutgoingEmail:
    """Build the email; raise ValueError or MessageError if it cannot be built."""
    message = delivery.message
    to_name, to_address = addressee(delivery)
    text, html = _words(message)
    letter = Letter(
        from_name=message.from_name,
        from_address=_visible_sender(delivery, transport),
        to_name=to_name,
        to_address=to_address,
        cc=tuple((name, address) for name, address in message.cc),
        subject=message.subject,
        text=text,
        html=html and as_document(html),
        attachments=enclosed_files(message),
        message_id=message.message_id,
        date=message.written_at,
        references=message.references,
    )
    return OutgoingEmail(
        envelope_sender=(
            return_path(delivery.return_token, settings.BOUNCE_DOMAIN)
            if transport.traits.records_bounces
            else message.from_address
        ),
        recipient=delivery.recipient_wire,
        content=to_bytes(letter),
        thread=_thread(delivery),
    )


def _words(message: Message) -> tuple[str, str]:
    """As text and in HTML. If they are long, they are read now, and not kept."""
    if "body" in vars(message):
        return message.body, message.body_html
    words = Message.objects.values_list("body", "body_html")
    return words.get(pk=message.pk)


def _thread(delivery: Delivery) -> str:
    """The provider's id of the thread that a follow-up belongs to; empty if unknown.

    Only if it goes by the same channel and account as the earlier mail: a thread id is
    valid in one mailbox. Elsewhere the References header shows the thread.
    """
    if delivery.message.follows_id is None:
        return ""
    channel = delivery.channel
    earlier = (
        Delivery.objects.filter(message=delivery.message.follows_id, channel=channel)
        .exclude(remote_thread="")
        .only("remote_thread", "accepted_at", "state_since")
        .order_by("pk")
        .first()
    )
    if earlier is None or account_at(channel, earlier.left_at) != channel.address:
        return ""
    return earlier.remote_thread


def _visible_sender(delivery: Delivery, transport: Transport) -> str:
    """The address in From: the connected account's on channels that insist on it."""
    if transport.traits.visible_sender is VisibleSender.CONNECTED_ACCOUNT:
        return delivery.channel.address
    return delivery.message.from_address


def addressee(delivery: Delivery) -> tuple[str, str]:
    """Name and address for the To header, which is the same in Cc and Bcc copies."""
    if delivery.part != Part.TO:
        delivery = Delivery.objects.get(message=delivery.message_id, part=Part.TO)
    return delivery.recipient_name, delivery.recipient_wire


def enclosed_files(message: Message) -> tuple[File, ...]:
    """The message's files, cached: the messages to a list of people have the same."""
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
