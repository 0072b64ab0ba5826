"""What may be a slip in a mail that could be sent as it is.

The writer is told of each such thing once. The form repeats what was told, so pressing
Send again sends the mail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

from django.utils.text import Truncator
from django.utils.timezone import now

from conversations.forms import ComposeForm
from conversations.models import Message
from conversations.sending.withholding import stopped_among
from conversations.writing.foreseeing import everybody_named
from conversations.writing.merging import told_differently
from conversations.writing.rich_text import lost_links

# A time that passed while the mail was written means now; one before that is a slip.
STILL_NOW = timedelta(minutes=5)
NOT_EVERYBODY = (
    "Nothing was sent yet: not everybody can be written to. Below stands who. Take them "
    "out, or press Send again."
)
NO_WORDS = (
    "Nothing was sent yet: there is a file, and neither a subject nor a text. Write one "
    "of them, or press Send again to send it as it is."
)
TWICE = (
    "Nothing was sent yet: the list of people has several lines for {} that do not say the "
    "same. Only the first of them counts, so that nobody gets two mails. Take out the "
    "wrong ones, or press Send again."
)
LOST_LINK = (
    "Nothing was sent yet: the link to “{}” is taken off its words, because mail written "
    "here carries links to web pages, email addresses and telephone numbers only. Write "
    "into the text where it leads, or press Send again to send the words without it."
)
TOO_LATE = (
    "Nothing was sent yet: the time you named has passed. Choose another, or press Send "
    "again to send it at once."
)


def untold(form: ComposeForm, submission: UUID) -> dict[str, str]:
    """What the writer has not been told yet: the name the form repeats, and the words.

    `form` is valid. A form that has been sent already is asked about nothing: it came
    again because its answer was lost, and what was suppressed since stopped none of it.
    """
    told = form.told
    found = {
        name: words
        for check in CHECKS
        for name, words in check(form)
        if name not in told
    }
    sent = Message.objects.filter(sender=form.user, submission=submission)
    return {} if found and sent.exists() else found


Found = Iterator[tuple[str, str]]


def _stopped(form: ComposeForm) -> Found:
    """Those it will not reach, unless the page named them before."""
    stopped = stopped_among(everybody_named(form), form.user.team_id)
    told_of = form.typed("stopped").split()
    if new := {str(each.uuid) for _, each in stopped}.difference(told_of):
        yield f"stopped {min(new)}", NOT_EVERYBODY


def _no_words(form: ComposeForm) -> Found:
    if form.has_no_words:
        yield "no words", NO_WORDS


def _twice(form: ComposeForm) -> Found:
    listed, subject = form.typed("people"), form.typed("subject")
    if listed.strip() and (twice := told_differently(listed, subject, form.text)):
        yield "twice", TWICE.format(twice)


def _lost_links(form: ComposeForm) -> Found:
    if form.typed("format") == "html":
        for link in lost_links(form.typed("body")):
            yield link[:100], LOST_LINK.format(Truncator(link).chars(100))


def _too_late(form: ComposeForm) -> Found:
    typed, at = form.typed("send_at").strip(), form.cleaned_data["send_at"]
    if typed and (at is None or at < now() - STILL_NOW):
        yield typed, TOO_LATE


CHECKS: tuple[Callable[[ComposeForm], Found], ...] = (
    _stopped,
    _no_words,
    _twice,
    _lost_links,
    _too_late,
)
