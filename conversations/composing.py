"""Writing mail: the rows are saved together, the work is announced on commit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

import uuid_utils
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.timezone import now
from uuid_utils.compat import uuid7

from channels.addresses import Address
from channels.database.clock import SKEWED
from channels.database.prepared import on_postgresql
from channels.models import Channel, EmailIdentity
from channels.return_path import new_token
from channels.routing import channel_for, channel_to_try, forget_choice
from conversations.models import (
    Attachment,
    Conversation,
    Delivery,
    DeliveryEvent,
    Message,
    by_hand,
    one_letter,
)
from conversations.models.by_hand import Rows
from conversations.models.conversation import NewConversation
from conversations.models.delivery import NewDelivery
from conversations.models.event import Line
from conversations.models.state import Part
from conversations.sending.turns import LaneId, announced
from conversations.tasks import announce_lanes
from conversations.writing.rich_text import as_html
from deliveryportal.accounts.models import User


class AlreadySentError(Exception):
    """This form was sent before with another content: that was sent, this is not."""


class _SentBeforeError(Exception):
    """This form was sent before, with the same content or another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What one recipient reads: `body` is plain text, `html` the same formatted."""

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
    """Everything else about a message: copies, files, thread, and when it leaves."""

    cc: Sequence[Address] = ()
    bcc: Sequence[Address] = ()
    attachments: Sequence[Attachment] = ()
    follows: Message | None = None  # the message whose thread this one continues
    resend_of: Message | None = None  # the failed message that this one replaces
    not_before: datetime | None = None  # None, or in the past: at once

    @property
    def waits(self) -> bool:
        return self.not_before is not None and self.not_before > now()


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
    signed = {
        address.wire.casefold(): (address, wording.signed(identity.signature))
        for address, wording in letters
    }
    for last in (False, True):
        try:
            return _queue_each(identity, signed.values(), enclosed, submission)
        except (IntegrityError, _SentBeforeError):
            if sent_before := _sent_before(identity.owner, submission):
                break
            # Else somebody may have just begun a conversation with one of them.
            if last:
                raise
    if not _say_the_same(sent_before, identity, signed.values(), enclosed):
        raise AlreadySentError
    return sent_before


def _queue_each(
    identity: EmailIdentity,
    letters: Iterable[tuple[Address, Wording]],
    enclosed: Enclosed,
    submission: UUID | None,
) -> list[Message]:
    with by_hand.in_one_piece() as at_once:
        new = [
            (_letter(identity, wording, submission, enclosed), address)
            for address, wording in letters
        ]
        if _is_one_alone(new, enclosed):
            # `asking` locks the lane's row: only if the statement commits by itself.
            told, lane = _enter(identity, *new[0], enclosed, asking=bool(at_once))
        elif _sent_before(identity.owner, submission):
            raise _SentBeforeError
        else:
            channel = channel_for(identity, to_queue=True)
            told, lane = False, LaneId(channel.id, identity.owner_id)
            _save(new, channel, f"for {channel}", enclosed)
        # Scheduled mail is announced when its time comes.
        if not told and not enclosed.waits:
            transaction.on_commit(partial(announce_lanes, [lane]))
    return [message for message, _ in new]


def _is_one_alone(
    letters: Sequence[tuple[Message, Address]], enclosed: Enclosed
) -> bool:
    """Whether it is the usual letter, to one recipient and without files."""
    if len(letters) != 1 or not on_postgresql():
        return False
    return not (enclosed.cc or enclosed.bcc or enclosed.attachments)


def _enter(
    identity: EmailIdentity,
    message: Message,
    to: Address,
    enclosed: Enclosed,
    *,
    asking: bool,
) -> tuple[bool, LaneId]:
    """Save it; return whether its lane is in the queue, if `asking`, and the lane.

    The channel is the one chosen last time; the statement checks that this is still so.
    """
    channel, provided = channel_to_try(identity)
    lane = LaneId(channel.id, message.sender_id)
    told = one_letter.enter(
        message,
        to,
        channel,
        _on_timeline(message, f"for {channel}"),
        due=_due(enclosed, message.written_at),
        asking=announced(lane) if asking else None,
        provided=provided,
    )
    if told is None:
        if _sent_before(identity.owner, message.submission):
            raise _SentBeforeError
        forget_choice(identity)
        return _enter(identity, message, to, enclosed, asking=asking)
    return told, lane


def _due(enclosed: Enclosed, at: datetime) -> datetime:
    return max(enclosed.not_before or at, at)


def _sent_before(sender: User, submission: UUID | None) -> list[Message]:
    if submission is None:
        return []
    return list(Message.objects.filter(sender=sender, submission=submission))


class _Copy(NamedTuple):
    """What one recipient gets, and when: what tells two forms apart, beside files."""

    part: str
    wire: str
    name: str
    sender: str
    wording: Wording
    due: datetime | None  # None: at once


def _say_the_same(
    sent: Sequence[Message],
    identity: EmailIdentity,
    letters: Iterable[tuple[Address, Wording]],
    enclosed: Enclosed,
) -> bool:
    """Whether these letters are what was `sent`, for their writer and all readers."""
    # Mail that is to leave at once has another time in each try, by the clock of whoever
    # takes the form; once it was tried, it waits for something else than a named time.
    at_once = timedelta(seconds=settings.UNDO_SECONDS) + SKEWED
    soon = now() + at_once
    due = enclosed.not_before
    would_be = {
        _Copy(
            part,
            each.wire.casefold(),
            each.name,
            identity.address,
            wording,
            due if due and due > soon else None,
        )
        for address, wording in letters
        for part, each in _each_once(address, enclosed)
    }
    deliveries = Delivery.objects.filter(message__in=sent).select_related("message")
    are = {
        _Copy(
            each.part,
            each.recipient_wire.casefold(),
            each.recipient_name,
            each.message.from_address,
            Wording(
                subject=each.message.subject,
                body=each.message.body,
                html=each.message.body_html,
            ),
            each.not_before
            if each.not_before > max(soon, each.created_at + at_once)
            and not (each.attempts or each.waiting_for)
            else None,
        )
        for each in deliveries
    }
    files = Attachment.objects.filter(messages__in=sent).values_list("pk", flat=True)
    return are == would_be and set(files) == {each.pk for each in enclosed.attachments}


def _letter(
    identity: EmailIdentity,
    wording: Wording,
    submission: UUID | None,
    enclosed: Enclosed,
) -> Message:
    sender, follows = identity.owner, enclosed.follows
    return Message.new(
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
    return f"<{uuid_utils.uuid7()}@{settings.PORTAL_DOMAIN}>"


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
    _save([(message, address)], channel, note or f"for {channel}", enclosed)
    return message


def _on_timeline(message: Message, note: str) -> str:
    return f"as {message.written_as}, {note}"[:500]


def _save(
    letters: Sequence[tuple[Message, Address]],
    channel: Channel,
    note: str,
    enclosed: Enclosed,
) -> None:
    """Save any number of new messages of one sender, with their deliveries.

    Messages without a conversation get the sender's with their recipient.
    """
    at = now()
    for message, address in letters:
        if message.cc:
            message.cc = [each for each in message.cc if each[1] != address.wire]
    recipients = [
        (message, part, each)
        for message, address in letters
        for part, each in _each_once(address, enclosed)
    ]
    begins = [letter for letter in letters if not letter[0].conversation_id]
    new, known = by_hand.new_ids(
        {
            Conversation: len(begins),
            Message: len(letters),
            Delivery: len(recipients),
        },
        known=Conversation.known(
            letters[0][0].sender_id, [address.shown for _, address in begins]
        ),
    )
    conversations = _begin(begins, known, new[Conversation], at)
    messages = [message for message, _ in letters]
    for message, pk in zip(messages, new[Message], strict=True):
        message.pk = pk
    deliveries: list[NewDelivery] = []
    lines: list[Line] = []
    for pk, (message, part, each) in zip(new[Delivery], recipients, strict=True):
        deliveries.append(
            NewDelivery(
                id=pk,
                uuid=uuid7(),
                message_id=message.pk,
                sender_id=message.sender_id,
                team_id=message.team_id,
                part=part,
                recipient=each.shown,
                recipient_wire=each.wire,
                recipient_name=each.name,
                subject=message.subject,
                from_address=message.from_address,
                return_token=new_token(),
            )
        )
        written = _on_timeline(message, note)
        lines.append(Line(pk, DeliveryEvent.Kind.WRITTEN, at, written))
    DeliveryEvent.objects.record(
        lines,
        after=(
            Conversation.rows(conversations),
            Rows.of_new(messages),
            Delivery.rows(deliveries, channel, at=at, due=_due(enclosed, at)),
            _with_files(messages, enclosed),
        ),
    )


def _begin(
    letters: Sequence[tuple[Message, Address]],
    known: Sequence[tuple[int | None, str]],
    new: Sequence[int],
    at: datetime,
) -> list[NewConversation]:
    """Set each message's conversation to the known one or a new one; return the new."""
    begun: dict[str, NewConversation] = {}
    for (message, address), (pk, person), next_pk in zip(
        letters, known, new, strict=True
    ):
        if pk is None and person not in begun:
            begun[person] = NewConversation(
                id=next_pk,
                uuid=uuid7(),
                owner_id=message.sender_id,
                person_address=address.shown,
                person_name=address.name[:200],
                created_at=at,
            )
        message.conversation_id = pk or begun[person].id
    return list(begun.values())


def _with_files(messages: Iterable[Message], enclosed: Enclosed) -> Rows:
    return Rows(
        Message.attachments.through,
        ("message_id", "attachment_id"),
        [
            (message.pk, file.pk)
            for message in messages
            if message.has_attachments
            for file in enclosed.attachments or _files_sent_again(message)
        ],
    )


def _files_sent_again(message: Message) -> Iterable[Attachment]:
    again = message.resend_of
    return again.attachments.without_content() if again else []


def _each_once(to: Address, enclosed: Enclosed) -> list[tuple[Part, Address]]:
    """Everybody who gets the message, each once: in To, else in Cc, else in Bcc."""
    found: dict[str, tuple[Part, Address]] = {}
    groups = {Part.TO: [to], Part.CC: enclosed.cc, Part.BCC: enclosed.bcc}
    for part, addresses in groups.items():
        for address in addresses:
            found.setdefault(address.wire.casefold(), (part, address))
    return list(found.values())


def conversation_with(sender: User, address: Address) -> Conversation:
    """Find or begin the conversation; upper and lower case make no other person."""
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
