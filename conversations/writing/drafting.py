"""Saving what is being written, so that nothing typed is ever lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Model, OuterRef, QuerySet
from django.utils.timezone import now

from channels.models import EmailIdentity
from conversations.forms import ComposeForm
from conversations.lists.microseconds import moment_of, number_of
from conversations.models import Attachment, Delivery, Draft, Message
from conversations.models.draft import DraftQuerySet
from conversations.writing.rich_text import as_text, sanitised
from deliveryportal.accounts.models import User

# The texts that are kept as they were typed, and how many letters of each.
TEXTS = {"to": 100_000, "cc": 100_000, "bcc": 100_000, "people": 2_000_000}
TEXTS |= {"subject": 1_000, "send_at": 40}
KEPT_OUT_OF_SIGHT = timedelta(days=1)
AT_A_TIME = 200


M = TypeVar("M", bound=Model)


class HasGoneError(Exception):
    """The form's message was sent meanwhile: there is nothing left to save."""


class Deleted(NamedTuple):
    number: int
    mark: int  # identifies those deleted together, for `restore`


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The state of a form: its texts by field, and what was chosen in it."""

    texts: Mapping[str, str]
    identity: EmailIdentity | None = None
    follows: Message | None = None
    attachments: Sequence[Attachment] = ()
    # What a draft that begins with this is meant to replace; one saved keeps its own.
    instead_of: Delivery | None = None

    @classmethod
    def of(cls, form: ComposeForm, attachments: Sequence[Attachment]) -> Self:
        """What stands in a posted form, valid or not."""
        body = form.typed("body")
        if len(body) > settings.MAX_MESSAGE_BYTES:
            body = ""  # no server would take it; it stands in the form alone
        is_html = form.typed("format") == "html"
        formatted = sanitised(body) if is_html else ""
        texts = {name: form.typed(name)[:most] for name, most in TEXTS.items()}
        texts["body"] = as_text(formatted) if is_html else body
        identities = EmailIdentity.objects.of(form.user)
        messages = Message.objects.filter(sender=form.user)
        return cls(
            # PostgreSQL takes no null character.
            texts={name: text.replace("\0", "") for name, text in texts.items()}
            | {"body_html": formatted},
            identity=_chosen(identities, pk=form.typed("identity")),
            follows=_chosen(messages, uuid=form.typed("follows")),
            attachments=attachments,
        )

    def __bool__(self) -> bool:
        return bool(self.attachments) or any(t.strip() for t in self.texts.values())

    @property
    def fields(self) -> dict[str, Any]:
        return {**self.texts, "identity": self.identity, "follows": self.follows}


def _chosen(among: QuerySet[M], **key: str) -> M | None:
    """What a field names, if that may be chosen, whatever else is wrong in the form."""
    try:
        return among.filter(
            **{name: value or None for name, value in key.items()}
        ).first()
    except (ValueError, ValidationError):
        return None


def keep(owner: User, uuid: UUID, version: int, written: Written) -> Draft | None:
    """Save the form as the draft `uuid`; return None if a new one would be empty.

    `version` is the one this form has loaded. If another tab has saved other words
    since, this form becomes a draft of its own, so both are kept. Raises HasGoneError
    if the message was sent meanwhile.
    """
    try:
        with transaction.atomic():
            return _keep(owner, uuid, version, written)
    except IntegrityError:  # another tab has just made the draft of this uuid
        with transaction.atomic():
            return begin(owner, uuid4(), written)


def _keep(owner: User, uuid: UUID, version: int, written: Written) -> Draft | None:
    mine = Draft.objects.filter(owner=owner, uuid=uuid)
    saved = mine.filter(version=version, forget_at=None).update(
        **written.fields, version=F("version") + 1, saved_at=now()
    )
    if saved:
        draft = mine.get()
        draft.attachments.set(written.attachments)
        return draft
    if Message.objects.filter(sender=owner, submission=uuid).exists():
        raise HasGoneError
    other = mine.select_related("instead_of").first()
    if other is None:
        return begin(owner, uuid, written) if written else None
    # A page left while it was saving comes back with an old version and the same words.
    same = mine.filter(forget_at=None, **written.fields).first()
    if same and set(same.attachments.all()) == set(written.attachments):
        return same
    return begin(owner, uuid4(), replace(written, instead_of=other.instead_of))


def begin(owner: User, uuid: UUID, written: Written) -> Draft:
    """Make a draft of the form, which may be empty. No draft has this `uuid` yet."""
    draft = Draft.objects.create(
        owner=owner, uuid=uuid, instead_of=written.instead_of, **written.fields
    )
    draft.attachments.set(written.attachments)
    return draft


def put_away(owner: User, uuid: UUID, written: Written, leaves_at: datetime) -> None:
    """Hide the draft of a form that was sent, until it can no longer be taken back."""
    draft, _ = Draft.objects.update_or_create(
        owner=owner,
        uuid=uuid,
        defaults={
            **written.fields,
            "forget_at": max(leaves_at, now()) + KEPT_OUT_OF_SIGHT,
        },
    )
    draft.attachments.set(written.attachments)


def delete(drafts: DraftQuerySet) -> Deleted:
    """Hide the drafts; they can be restored until they are forgotten."""
    forget_at = now() + KEPT_OUT_OF_SIGHT
    number = drafts.update(forget_at=forget_at)
    return Deleted(number, number_of(forget_at))


@transaction.atomic
def restore(owner: User, mark: int) -> list[Draft]:
    """Show drafts again that were deleted together, except those that were sent."""
    forget_at = moment_of(mark)
    if forget_at is None:
        return []
    sent = Message.objects.filter(sender=owner, submission=OuterRef("uuid"))
    deleted = Draft.objects.filter(owner=owner, forget_at=forget_at)
    found = deleted.exclude(Exists(sent))
    drafts = list(found.only("uuid"))
    found.update(forget_at=None)
    return drafts


def forget(drafts: Sequence[Draft]) -> None:
    """Delete drafts, and the files that nothing else needs."""
    files = list(
        Attachment.objects.filter(drafts__in=drafts).values_list("pk", flat=True)
    )
    Draft.objects.filter(pk__in=[draft.pk for draft in drafts]).delete()
    Attachment.objects.filter(pk__in=files).unused().delete()


def forget_sent(at: datetime) -> None:
    """Delete hidden drafts whose `forget_at` has come."""
    with transaction.atomic():
        old = Draft.objects.forgettable(at).select_for_update(skip_locked=True)
        forget(list(old.only("pk")[:AT_A_TIME]))
