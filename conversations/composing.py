"""Writing: rows in one transaction, work announced on commit."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction

from channels.addresses import Address
from channels.models import Channel, EmailIdentity
from channels.routing import channel_for
from conversations.models import Conversation, Delivery, DeliveryEvent, Message
from conversations.tasks import announce_lanes
from conversations.turns import LaneId
from deliveryportal.accounts.models import User


class AlreadySentError(Exception):
    """This form was sent before, with something else in it: that has gone, this not."""


def write(
    *,
    identity: EmailIdentity,
    recipients: Sequence[Address],
    subject: str,
    body: str,
    submission: UUID | None = None,
    follows: Message | None = None,
) -> list[Message]:
    """Queue one message to each recipient; return them.

    `submission` names the form that is sent: the same form sent again writes
    nothing and returns the messages of the first time. `follows` is the message
    whose thread this one goes on with. Raises AlreadySentError if the form was sent
    with another content before.
    """
    sender = identity.owner
    try:
        with transaction.atomic():
            channel = channel_for(identity)
            messages = [
                queue(
                    _letter(identity, address, subject, body, submission, follows),
                    address,
                    channel,
                )
                for address in _each_once(recipients)
            ]
            transaction.on_commit(
                lambda: announce_lanes([LaneId(channel.pk, sender.pk)])
            )
            return messages
    except IntegrityError:
        sent_before = list(Message.objects.filter(sender=sender, submission=submission))
        if submission is None or not sent_before:
            raise
        body = _signed(body, identity.signature)
        if _content(sent_before) != {
            (address.wire.casefold(), subject, body)
            for address in _each_once(recipients)
        }:
            raise AlreadySentError from None
        return sent_before


def _content(messages: list[Message]) -> set[tuple[str, str, str]]:
    sent = Delivery.objects.filter(message__in=messages).select_related("message")
    return {
        (each.recipient_wire.casefold(), each.message.subject, each.message.body)
        for each in sent
    }


def _each_once(recipients: Sequence[Address]) -> list[Address]:
    return list({address.wire.casefold(): address for address in recipients}.values())


def _letter(
    identity: EmailIdentity,
    address: Address,
    subject: str,
    body: str,
    submission: UUID | None,
    follows: Message | None,
) -> Message:
    sender = identity.owner
    return Message(
        conversation=conversation_with(sender, address),
        sender=sender,
        team_id=sender.team_id,
        identity=identity,
        from_name=identity.display_name,
        from_address=identity.address,
        subject=subject,
        body=_signed(body, identity.signature),
        message_id=new_message_id(),
        submission=submission,
        follows=follows,
        references=f"{follows.references} {follows.message_id}".strip()
        if follows
        else "",
    )


def new_message_id() -> str:
    return f"<{uuid4()}@{settings.PORTAL_DOMAIN}>"


def queue(
    message: Message, address: Address, channel: Channel, note: str = ""
) -> Message:
    """Save a new message with its delivery; the lane is the caller's to announce.

    `note` says on the timeline how it came into the queue.
    """
    message.save()
    delivery = Delivery.objects.create(
        message=message,
        recipient=address.shown,
        recipient_wire=address.wire,
        recipient_name=address.name,
        channel=channel,
        sender_id=message.sender_id,
        team_id=message.team_id,
    )
    DeliveryEvent.objects.bulk_create(
        [
            DeliveryEvent(
                delivery=delivery,
                kind=DeliveryEvent.Kind.WRITTEN,
                at=message.written_at,
                note=f"as {message.written_as}"[:500],
            ),
            DeliveryEvent(
                delivery=delivery,
                kind=DeliveryEvent.Kind.QUEUED,
                at=delivery.created_at,
                note=note or f"for {channel}",
            ),
        ]
    )
    return message


def conversation_with(sender: User, address: Address) -> Conversation:
    """Find or begin the conversation; an address is one person in any case."""
    conversation = Conversation.objects.filter(
        owner=sender, person_address__iexact=address.shown
    ).first()
    if conversation is None:
        conversation, _ = Conversation.objects.get_or_create(
            owner=sender,
            person_address=address.shown,
            defaults={"person_name": address.name[:200]},
        )
    return conversation


def _signed(body: str, signature: str) -> str:
    return f"{body.rstrip()}\n\n-- \n{signature}" if signature else body
