"""What Send does with a form: its messages are queued, and it can be had back for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from conversations.composing import Enclosed, write_to_each
from conversations.forms import ComposeForm
from conversations.models import Attachment, Message
from conversations.writing.drafting import Written, put_away
from conversations.writing.reworking import replace_failed, replaced_by


@dataclass(frozen=True, slots=True)
class SentOff:
    messages: Sequence[Message]
    waits: bool  # for its time, or until Undo is over


@transaction.atomic
def send_off(
    form: ComposeForm,
    submission: UUID,
    attachments: Sequence[Attachment],
    *,
    is_draft: bool,
) -> SentOff:
    """Queue a message to everybody in a valid form.

    A form that `is_draft` may be sent instead of what failed, which is resolved then.
    Raises AlreadySentError if the form was sent before with another content, and
    SentAgainBeforeError if some have got a resend of what failed before.
    """
    leaves_at = _leaves_at(form)
    waits = leaves_at > now()
    to = [each.address for each in form.everybody]
    failed = replaced_by(form.user, submission, to, form.told) if is_draft else None
    cc, bcc = form.copies
    messages = write_to_each(
        identity=form.cleaned_data["identity"],
        letters=[(each.address, form.wording(each)) for each in form.everybody],
        enclosed=Enclosed(
            cc=cc,
            bcc=bcc,
            attachments=attachments,
            follows=form.cleaned_data["follows"],
            resend_of=failed.message if failed else None,
            not_before=leaves_at,
        ),
        submission=submission,
    )
    if failed:
        replace_failed(failed, by=form.user)
    if waits or is_draft:
        put_away(form.user, submission, Written.of(form, attachments), leaves_at)
    return SentOff(messages, waits)


def _leaves_at(form: ComposeForm) -> datetime:
    """The time asked for, unless it comes before Undo is over."""
    wait = settings.UNDO_SECONDS if form.user.can_undo else 0
    soonest = now() + timedelta(seconds=wait)
    asked: datetime | None = form.cleaned_data["send_at"]
    return max(asked or soonest, soonest)
