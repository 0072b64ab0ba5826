"""Taking back what has not left: undo, cancel, edit. It becomes a draft again.

Whoever comes first has it. A worker claims a delivery by an UPDATE that names the
state `queued`; here the rows are locked and must still be `queued`. So a message is
either taken back whole, or on its way and left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from django.db import transaction

from channels.addresses import parse_addresses
from conversations.composing import Wording
from conversations.drafting import Written, keep
from conversations.merging import read_people
from conversations.models import Delivery, Draft, Message
from conversations.models.delivery import Part, State
from conversations.models.message import MessageQuerySet
from deliveryportal.accounts.models import User


@dataclass(frozen=True, slots=True)
class TakenBack:
    """`number` messages are in `draft` again; `left` had begun to leave."""

    number: int
    left: int
    draft: Draft | None


def take_back(message: Message) -> TakenBack:
    """Take back one message; what was sent with it to others stays as it is."""
    form = message.submission
    others = Message.objects.filter(sender=message.sender, submission=form)
    if form and not others.exclude(pk=message.pk).exists():
        return take_back_all(message.sender, form)
    with transaction.atomic():
        written = _written_again(message)
        if not _delete_unsent(Message.objects.filter(pk=message.pk)).number:
            return TakenBack(0, 1, None)
        return TakenBack(1, 0, keep(message.sender, uuid4(), 0, written))


@transaction.atomic
def take_back_all(sender: User, submission: UUID) -> TakenBack:
    """Take back all messages of one form, as far as they have not begun to leave."""
    messages = Message.objects.filter(sender=sender, submission=submission)
    first = messages.select_related("identity").first()
    if first is None:
        return TakenBack(0, 0, Draft.objects.of(sender).filter(uuid=submission).first())
    written = _written_again(first)
    unsent = _delete_unsent(messages)
    left = messages.count()
    if not unsent.number:
        return TakenBack(0, left, None)
    draft = Draft.objects.filter(owner=sender, uuid=submission).first()
    if draft is None:
        draft = keep(sender, uuid4(), 0, written)
    else:
        draft.to, draft.people = _only(draft, unsent.recipients)
        # What is left of a form that was sent in part is another form.
        draft.uuid = uuid4() if left else draft.uuid
        draft.forget_at = None
        draft.version += 1
        draft.save()
    return TakenBack(unsent.number, left, draft)


@dataclass(frozen=True, slots=True)
class _Unsent:
    """How many messages were deleted unsent, and whom they were to, in wire form."""

    number: int
    recipients: set[str]


def _delete_unsent(messages: MessageQuerySet) -> _Unsent:
    """Delete those of which no delivery was begun."""
    rows = (
        Delivery.objects.filter(message__in=messages)
        .select_for_update(of=("self",))
        .order_by("pk")
        .values_list("message_id", "state", "attempts", "part", "recipient_wire")
    )
    begun: set[int] = set()
    recipients: dict[int, set[str]] = {}
    for pk, state, attempts, part, wire in rows:
        to = recipients.setdefault(pk, set())
        if part == Part.TO:
            to.add(wire.casefold())
        if state != State.QUEUED or attempts:
            begun.add(pk)
    unsent = recipients.keys() - begun
    Message.objects.filter(pk__in=unsent).delete()
    return _Unsent(len(unsent), {wire for pk in unsent for wire in recipients[pk]})


def _only(draft: Draft, taken: set[str]) -> tuple[str, str]:
    """The recipients of a draft whose mail was taken back just now.

    Of the others it has left, or was taken back before and has a draft of its own.
    """
    typed = parse_addresses(draft.to) if draft.to.strip() else []
    people = read_people(draft.people) if draft.people.strip() else []
    everybody = [*typed, *(each.address for each in people)]
    if all(each.wire.casefold() in taken for each in everybody):
        return draft.to, draft.people
    people = [each for each in people if each.address.wire.casefold() in taken]
    names = list(dict.fromkeys(name for each in people for name in each.fields))
    rows = [names, *([each.fields.get(n, "") for n in names] for each in people)]
    return (
        ", ".join(_typed(a.name, a.shown) for a in typed if a.wire.casefold() in taken),
        "\n".join("\t".join(row) for row in rows) if people else "",
    )


def _typed(name: str, address: str) -> str:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>' if name else address


def _written_again(message: Message) -> Written:
    """The form that would write this message, without the signature it got."""
    deliveries = list(message.deliveries.order_by("pk"))

    def line(part: Part) -> str:
        return ", ".join(
            _typed(each.recipient_name, each.recipient)
            for each in deliveries
            if each.part == part
        )

    signature = message.identity.signature if message.identity else ""
    empty = Wording(subject="", body="", html="<p></p>").signed(signature)
    return Written(
        texts={
            "to": line(Part.TO),
            "cc": line(Part.CC),
            "bcc": line(Part.BCC),
            "subject": message.subject,
            "body": message.body.removesuffix(empty.body)
            if signature
            else message.body,
            "body_html": message.body_html.removesuffix(
                empty.html.removeprefix("<p></p>")
            )
            if signature
            else message.body_html,
        },
        identity=message.identity,
        follows=message.follows,
        attachments=list(message.attachments.without_content()),
    )
