"""Writing: rows in one transaction, work announced on commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.timezone import now

from channels.addresses import Address
from channels.models import Channel, EmailIdentity
from channels.routing import channel_for
from conversations.models import (
    Attachment,
    Conversation,
    Delivery,
    DeliveryEvent,
    Message,
    by_hand,
)
from conversations.models.by_hand import Rows
from conversations.models.delivery import Part
from conversations.models.event import Line
from conversations.rich_text import as_html
from conversations.tasks import announce_lanes
from conversations.turns import LaneId
from deliveryportal.accounts.models import User


class AlreadySentError(Exception):
    """This form was sent before, with something else in it: that has gone, this not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What one recipient reads: `body` is the text, `html` the same formatted."""

    subject: str
    body: str
    html: str = ""

    def signed(self, signature: str) -> Wording:
        if not signature:
            return self
        text = f"{self.body.rstrip()}\n\n-- \n{signature}"
        html = f"{self.html}<p>-- </p>{as_html(signature)}" if self.html else ""
        return replace(self, body=text, html=html)


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosed:
    """What goes with a message besides its words, and when it goes."""

    cc: Sequence[Address] = ()
    bcc: Sequence[Address] = ()
    attachments: Sequence[Attachment] = ()
    follows: Message | None = None  # whose thread this one goes on with
    resend_of: Message | None = None  # what failed, that this is sent instead of
    not_before: datetime | None = None  # None, or past: at once

    @property
    def waits(self) -> bool:
        return self.not_before is not None and self.not_before > now()


def write(
    *,
    identity: EmailIdentity,
    recipients: Sequence[Address],
    subject: str,
    body: str,
    submission: UUID | None = None,
    follows: Message | None = None,
) -> list[Message]:
    """Queue the same message to each recipient; see `write_to_each`."""
    wording = Wording(subject=subject, body=body)
    return write_to_each(
        identity=identity,
        letters=[(address, wording) for address in recipients],
        enclosed=Enclosed(follows=follows),
        submission=submission,
    )


def write_to_each(
    *,
    identity: EmailIdentity,
    letters: Iterable[tuple[Address, Wording]],
    enclosed: Enclosed,
    submission: UUID | None = None,
) -> list[Message]:
    """Queue a message with its own words to each recipient; return them.

    `submission` names the form that is sent: the same form sent again writes
    nothing and returns the messages of the first time. Raises AlreadySentError if
    the form was sent with another content before.
    """
    sender = identity.owner
    signed = {
        address.wire.casefold(): (address, wording.signed(identity.signature))
        for address, wording in letters
    }
    try:
        with transaction.atomic():
            channel = channel_for(identity)
            people = [address for address, _ in signed.values()]
            conversations = conversations_with(sender, people)
            messages = queue_all(
                [
                    (
                        _letter(identity, conversation, wording, submission, enclosed),
                        address,
                    )
                    for conversation, (address, wording) in zip(
                        conversations, signed.values(), strict=True
                    )
                ],
                channel,
                enclosed=enclosed,
            )
            if not enclosed.waits:  # what does is announced when its time comes
                transaction.on_commit(
                    lambda: announce_lanes([LaneId(channel.pk, sender.pk)])
                )
            return messages
    except IntegrityError:
        sent_before = list(Message.objects.filter(sender=sender, submission=submission))
        if submission is None or not sent_before:
            raise
        if _content(sent_before) != {
            (address.wire.casefold(), wording.subject, wording.body)
            for address, wording in signed.values()
        }:
            raise AlreadySentError from None
        return sent_before


def _content(messages: list[Message]) -> set[tuple[str, str, str]]:
    sent = Delivery.objects.filter(
        message__in=messages, part=Delivery.Part.TO
    ).select_related("message")
    return {
        (each.recipient_wire.casefold(), each.message.subject, each.message.body)
        for each in sent
    }


def _letter(
    identity: EmailIdentity,
    conversation: Conversation,
    wording: Wording,
    submission: UUID | None,
    enclosed: Enclosed,
) -> Message:
    sender, follows = identity.owner, enclosed.follows
    return Message.new(
        conversation=conversation,
        sender=sender,
        team_id=sender.team_id,
        identity=identity,
        from_name=identity.display_name,
        from_address=identity.address,
        subject=wording.subject,
        body=wording.body,
        body_html=wording.html,
        cc=[[each.name, each.wire] for each in enclosed.cc],
        has_attachments=bool(enclosed.attachments),
        message_id=new_message_id(),
        submission=submission,
        follows=follows,
        resend_of=enclosed.resend_of,
        references=f"{follows.references} {follows.message_id}".strip()
        if follows
        else "",
    )


def new_message_id() -> str:
    return f"<{uuid4()}@{settings.PORTAL_DOMAIN}>"


def queue(
    message: Message,
    address: Address,
    channel: Channel,
    note: str = "",
    enclosed: Enclosed = Enclosed(),
) -> Message:
    """Save a new message with its deliveries; the lane is the caller's to announce.

    `note` says on the timeline how it came into the queue.
    """
    return queue_all([(message, address)], channel, note, enclosed)[0]


def queue_all(
    letters: Sequence[tuple[Message, Address]],
    channel: Channel,
    note: str = "",
    enclosed: Enclosed = Enclosed(),
) -> list[Message]:
    """The same for any number of messages, in as many statements as for one."""
    for message, address in letters:
        if message.cc:
            message.cc = [each for each in message.cc if each[1] != address.wire]
    recipients = [
        (message, part, each)
        for message, address in letters
        for part, each in _each_once(address, enclosed)
    ]
    ids = by_hand.new_ids({Message: len(letters), Delivery: len(recipients)})
    messages = [message for message, _ in letters]
    for message, pk in zip(messages, ids[Message], strict=True):
        message.pk = pk
    begun = now()
    due = max(enclosed.not_before or begun, begun)
    kind, tracked = channel.kind, channel.traits.records_bounces
    deliveries = [
        Delivery.new(
            id=pk,
            message=message,
            recipient=each.shown,
            recipient_wire=each.wire,
            recipient_name=each.name,
            part=part,
            channel=channel,
            sender_id=message.sender_id,
            team_id=message.team_id,
            subject=message.subject,
            from_address=message.from_address,
            channel_kind=kind,
            tracked=tracked,
            state_since=begun,
            not_before=due,
            created_at=begun,
        )
        for pk, (message, part, each) in zip(ids[Delivery], recipients, strict=True)
    ]
    DeliveryEvent.objects.record(
        (
            line
            for delivery in deliveries
            for line in (
                Line(
                    delivery.pk,
                    DeliveryEvent.Kind.WRITTEN,
                    delivery.message.written_at,
                    note=f"as {delivery.message.written_as}"[:500],
                ),
                Line(
                    delivery.pk,
                    DeliveryEvent.Kind.QUEUED,
                    delivery.created_at,
                    note=note or f"for {channel}",
                ),
            )
        ),
        after=[Rows.of_new(messages), Rows.of_new(deliveries)],
    )
    for message in messages:
        if message.has_attachments:
            files = enclosed.attachments or _files_sent_again(message)
            message.attachments.add(*files)
    return messages


def _files_sent_again(message: Message) -> Iterable[Attachment]:
    again = message.resend_of
    return again.attachments.without_content() if again else []


def _each_once(to: Address, enclosed: Enclosed) -> list[tuple[Part, Address]]:
    """Everybody who gets the message; whoever is named twice, as who they are first."""
    found: dict[str, tuple[Part, Address]] = {}
    groups = {Part.TO: [to], Part.CC: enclosed.cc, Part.BCC: enclosed.bcc}
    for part, addresses in groups.items():
        for address in addresses:
            found.setdefault(address.wire.casefold(), (part, address))
    return list(found.values())


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


def conversations_with(
    sender: User, addresses: Sequence[Address]
) -> list[Conversation]:
    """The conversation with each of many, in two statements at most."""
    people = {address.shown.lower(): address for address in addresses}
    found = Conversation.objects.with_people(sender, people)
    missing = [each for folded, each in people.items() if folded not in found]
    if missing:
        found |= Conversation.objects.begin(
            sender, [(each.shown, each.name) for each in missing]
        )
    # What the database folds otherwise than Python, or somebody else has just begun,
    # is asked for by itself.
    return [
        found.get(address.shown.lower()) or conversation_with(sender, address)
        for address in addresses
    ]
