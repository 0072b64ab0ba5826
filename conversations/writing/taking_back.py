"""Taking back mail that has not left (undo, cancel, edit): it becomes a draft again.

A worker claims a delivery by an UPDATE that names the state `queued`; here the rows are
locked and must still be `queued`. So a message is either taken back whole, or is on its
way and left alone, whichever came first. Mail that was tried and put off has certainly
not left, and can be taken back as well.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from uuid import UUID, uuid4, uuid5

from django.db import transaction
from django.db.models import Exists, OuterRef

from channels.addresses import Address, AddressError, parse_addresses
from conversations.composing import Wording
from conversations.models import Delivery, Draft, Message
from conversations.models.message import MessageQuerySet
from conversations.models.state import FAILURES, Part, State, Triage
from conversations.triage.deciding import not_sent_again
from conversations.triage.sending_again import has_been_sent_again
from conversations.writing.drafting import Written, begin, keep
from conversations.writing.merging import MergeError, Person, read_people
from deliveryportal.accounts.auditing import Area, record_in
from deliveryportal.accounts.models import User


@dataclass(frozen=True, slots=True)
class TakenBack:
    """`number` messages are drafts again; `left` messages had begun to leave.

    They share one draft, unless nothing is left of the form that they were sent by. If
    both are 0, there are no messages: perhaps they were taken back before.
    """

    number: int
    left: int
    drafts: list[Draft]


def take_back(message: Message, *, by: User | None = None) -> TakenBack:
    """Take back one message; others that were sent by the same form stay as they are.

    Here and below, `by` is who does so: its sender, if nobody is given.
    """
    form = message.submission
    others = Message.objects.filter(sender=message.sender, submission=form)
    if form and not others.exclude(pk=message.pk).exists():
        return take_back_all(message.sender, form, by=by)
    with transaction.atomic():
        written = written_again(message)
        chosen = Message.objects.filter(pk=message.pk)
        if not _delete_unsent(chosen, by or message.sender):
            return TakenBack(0, chosen.count(), [])
        return TakenBack(1, 0, [begin(message.sender, alone(message.uuid), written)])


@transaction.atomic
def take_back_all(
    sender: User, submission: UUID, *, by: User | None = None
) -> TakenBack:
    """Take back all messages of one form that have not begun to leave."""
    messages = Message.objects.filter(sender=sender, submission=submission)
    if not messages.exists():
        return TakenBack(0, 0, list(Draft.objects.of(sender).filter(uuid=submission)))
    draft = Draft.objects.filter(owner=sender, uuid=submission).first()
    if draft is None:
        return _each_alone(messages, by or sender)
    recipients = _delete_unsent(messages, by or sender)
    left = messages.count()
    if not recipients:
        return TakenBack(0, left, [])
    draft.to, draft.people = _only(draft, set().union(*recipients.values()))
    # If some messages have left, the draft is a new form: the old one was sent.
    draft.uuid = rest_of(submission) if left else draft.uuid
    draft.forget_at = None
    draft.version += 1
    draft.save()
    return TakenBack(len(recipients), left, [draft])


def rest_of(submission: UUID) -> UUID:
    """The uuid of the draft of what was taken back of a form that has left in part."""
    return uuid5(submission, "rest")


def _each_alone(messages: MessageQuerySet, by: User) -> TakenBack:
    """Take back messages of which no draft is left: each becomes one of its own."""
    begun = Delivery.objects.filter(message=OuterRef("pk")).exclude(state=State.QUEUED)
    waiting = messages.exclude(Exists(begun)).select_related("sender", "identity")
    written = {each.pk: (each, written_again(each)) for each in waiting}
    those = Message.objects.filter(pk__in=written)
    taken = [written[pk] for pk in _delete_unsent(those, by)]
    drafts = [begin(each.sender, alone(each.uuid), again) for each, again in taken]
    return TakenBack(len(drafts), messages.count(), drafts)


def alone(message: UUID) -> UUID:
    """The uuid of the draft of a message that was taken back without its form."""
    return uuid5(message, "taken back")


@transaction.atomic
def take_back_some(
    sender: User,
    submission: UUID,
    messages: Sequence[Message],
    *,
    by: User | None = None,
) -> list[Draft]:
    """Take back these messages of one form, and no others; return their drafts.

    They share one draft, with those taken back like this before. If the form's draft is
    already forgotten, each becomes a draft of its own.
    """
    chosen = Message.objects.filter(pk__in=[each.pk for each in messages])
    form = Draft.objects.filter(owner=sender, uuid=submission).first()
    if form is None:
        return _each_alone(chosen, by or sender).drafts
    recipients = _delete_unsent(chosen, by or sender)
    taken = set().union(*recipients.values())
    aside = _set_aside(form, taken, by or sender) if taken else None
    return [aside] if aside else []


def _set_aside(form: Draft, taken: set[str], by: User) -> Draft | None:
    """Put these recipients of a form into the draft for what was taken back from it.

    Into another, if that has been sent or changed, or belongs to somebody else by now.
    """
    uuid = uuid5(form.uuid, "taken back")
    known = Draft.objects.select_for_update().filter(uuid=uuid).first()
    is_theirs = known is not None and known.owner in {form.owner, by}
    if known and is_theirs and known.forget_at is None and _is_part(known, form):
        known.to, known.people = _only(form, taken | _recipients(known))
        known.version += 1
        known.save()
        return known
    to, people = _only(form, taken)
    texts = {
        name: getattr(form, name)
        for name in ("cc", "bcc", "subject", "body", "body_html", "send_at")
    }
    sent = Message.objects.filter(sender=form.owner, submission=uuid).exists()
    return keep(
        form.owner,
        uuid4() if known or sent else uuid,
        0,
        Written(
            texts={**texts, "to": to, "people": people},
            identity=form.identity,
            follows=form.follows,
            attachments=list(form.attachments.without_content()),
            instead_of=form.instead_of,
        ),
    )


def _is_part(draft: Draft, form: Draft) -> bool:
    """Whether the draft is to recipients of the form only. One being edited may not be."""
    try:
        return _recipients(draft) <= _recipients(form)
    except (AddressError, MergeError):  # half an address, say
        return False


def _recipients(draft: Draft) -> set[str]:
    """The To recipients, each in wire form and casefolded."""
    typed, people = _read(draft)
    everybody = [*typed, *(each.address for each in people)]
    return {each.wire.casefold() for each in everybody}


def _read(draft: Draft) -> tuple[list[Address], list[Person]]:
    """The recipients of the To line, and those of the list of people."""
    return (
        parse_addresses(draft.to) if draft.to.strip() else [],
        read_people(draft.people) if draft.people.strip() else [],
    )


def _delete_unsent(messages: MessageQuerySet, by: User) -> dict[int, set[str]]:
    """Delete messages none of whose deliveries has begun to leave.

    Return their To recipients in wire form, by message pk.
    """
    rows = (
        Delivery.objects.filter(message__in=messages)
        .select_for_update(of=("self",))
        .order_by("pk")
        .values_list("message_id", "state", "part", "recipient_wire")
    )
    begun: set[int] = set()
    recipients: dict[int, set[str]] = {}
    for pk, state, part, wire in rows:
        to = recipients.setdefault(pk, set())
        if part == Part.TO:
            to.add(wire.casefold())
        if state != State.QUEUED:
            begun.add(pk)
    unsent = {pk: to for pk, to in recipients.items() if pk not in begun}
    taken_back = Message.objects.filter(pk__in=unsent)
    replaced = _sent_again_by(taken_back)
    taken_back.delete()
    _open_again([each for each in replaced if not has_been_sent_again(each)], by)
    return unsent


def _open_again(failures: Sequence[Delivery], by: User) -> None:
    not_sent_again(failures)
    for each in failures:
        record_in(
            each.team_id,
            Area.TRIAGE,
            "Took back what was sent instead",
            each.recipient,
            by=by,
        )


def _sent_again_by(messages: MessageQuerySet) -> list[Delivery]:
    """The failures that count as resolved because of these messages."""
    instead_of = messages.exclude(resend_of=None).values_list("resend_of", flat=True)
    failures = Delivery.objects.filter(
        message__in=list(instead_of),
        state__in=FAILURES,
        triage=Triage.RESOLVED,
        archived_at=None,
    ).select_related("message")
    return [each for each in failures if has_been_sent_again(each)]


def _only(draft: Draft, taken: set[str]) -> tuple[str, str]:
    """The To line and list of people of a draft, reduced to the `taken` recipients.

    The others' mail has left, or was taken back before into another draft.
    """
    if _recipients(draft) <= taken:
        return draft.to, draft.people
    typed, people = _read(draft)
    people = [each for each in people if each.address.wire.casefold() in taken]
    names = list(dict.fromkeys(name for each in people for name in each.fields))
    rows = [names, *([each.fields.get(n, "") for n in names] for each in people)]
    return (
        ", ".join(
            typed_as(a.name, a.shown) for a in typed if a.wire.casefold() in taken
        ),
        _as_table(rows) if people else "",
    )


def _as_table(rows: Iterable[Sequence[str]]) -> str:
    """The rows as `merging` reads them: what holds a tab or a quote is quoted."""
    text = StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(rows)
    return text.getvalue().rstrip("\n")


def typed_as(name: str, address: str) -> str:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>' if name else address


def written_again(message: Message) -> Written:
    """The form that would write this message again, without the added signature."""
    deliveries = list(message.deliveries.order_by("pk"))

    def line(part: Part) -> str:
        return ", ".join(
            typed_as(each.recipient_name, each.recipient)
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
        instead_of=_failure_behind(message),
    )


def _failure_behind(message: Message) -> Delivery | None:
    """The failure that a resend was sent instead of: this person's, if it has several."""
    if message.resend_of_id is None:
        return None
    failures = Delivery.objects.filter(
        message=message.resend_of_id, state__in=FAILURES
    ).order_by("pk")
    person = message.conversation.person_address.lower()
    return max(
        failures,
        key=lambda each: (
            each.recipient.lower() == person,
            each.triage == Triage.RESOLVED,
        ),
        default=None,
    )
