from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.text import Truncator
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods

from channels.models import EmailIdentity
from channels.whole_numbers import whole_number
from conversations.composing import AlreadySentError, Enclosed, write_to_each
from conversations.forms import ComposeForm
from conversations.models import Attachment, Delivery, Draft, Message
from conversations.sending.withholding import stopped_among
from conversations.views.seen import everybody_named, foreseen
from conversations.writing import drafting
from conversations.writing.attaching import TooLargeError, attach
from conversations.writing.drafting import HasGoneError, Written
from conversations.writing.merging import told_differently
from conversations.writing.reworking import (
    SentAgainBeforeError,
    replace_failed,
    replaced_by,
)
from conversations.writing.rich_text import as_text, lost_links, sanitised
from deliveryportal.accounts.access import UserRequest

# Texts a draft keeps as they were typed, and how much of each.
TEXTS = {"to": 100_000, "cc": 100_000, "bcc": 100_000, "people": 2_000_000}
TEXTS |= {"subject": 1_000, "send_at": 40}
# A time that passed while the mail was written means now; one before that is a slip.
STILL_NOW = timedelta(minutes=5)
NOT_ADDED = (
    "The files you chose last were not added, so nothing was sent yet. Attach smaller "
    "ones, or press Send again to send it without them."
)
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


@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: UserRequest) -> HttpResponse:
    """Write a message. `?to=` fills in the recipient, `?follows=` all but the text."""
    if request.method == "POST":
        return Desk(request).answer()
    form = ComposeForm(
        request.user, initial={"submission": uuid4(), **_beginning(request)}
    )
    response = page(request, form)
    # Whoever goes back to it after Send has the same form, which is sent once.
    patch_cache_control(response, private=True)
    return response


def page(request: UserRequest, form: ComposeForm, **context: Any) -> HttpResponse:
    return render(
        request,
        "conversations/compose.html",
        {
            "form": form,
            "submission": form["submission"].value(),
            "version": 0,
            "attachments": [],
            "formatted": "",
            "limit": settings.MAX_ATTACHMENT_BYTES,
            **foreseen(request.user, form),
            **context,
        },
    )


class Desk:
    """One form that was posted: to be sent, kept, looked at or relieved of a file."""

    def __init__(self, request: UserRequest) -> None:
        self.request, self.user = request, request.user
        self.fields = _with_submission(request.POST)
        self.form = ComposeForm(request.user, self.fields, request.FILES)
        self.uuid = UUID(self._text("submission"))
        version = self._text("version")
        self.version = whole_number(version, otherwise=0)
        self.attachments = self._attached()
        self.refused = (
            bool(self.files_error) if request.FILES else "refused" in self.fields
        )

    def _text(self, name: str) -> str:
        return str(self.fields.get(name, ""))

    def _attached(self) -> list[Attachment]:
        removed = self._text("remove")
        kept = [each for each in self.form.attached if str(each.uuid) != removed]
        self.files_error = ""
        try:
            return attach(self.user, self.request.FILES.getlist("upload"), to=kept)
        except TooLargeError as error:
            self.files_error = str(error)
            return kept

    # --- what is asked for ----------------------------------------------------

    def answer(self) -> HttpResponse:
        asked = next((each for each in ACTIONS if each in self.fields), "send")
        return ACTIONS[asked](self)

    def send(self) -> HttpResponse:
        if self.refused:
            self.form.add_error("upload", self.files_error or NOT_ADDED)
            self.refused = False  # told: the next Send goes without them
        if not self.form.is_valid():
            return self._again()
        if untold := self._untold():
            for words in dict.fromkeys(untold.values()):
                self.form.add_error(None, words)
            return self._again(asked=untold)
        try:
            return self._send()
        except AlreadySentError:
            return self._as_a_new_one()
        except SentAgainBeforeError as error:
            self.form.add_error(None, str(error))
            return self._again()

    def keep(self) -> HttpResponse:
        if self.files_error:
            self.form.add_error("upload", self.files_error)
            return self._again()
        draft = self.as_draft()
        if draft is None:
            messages.info(self.request, "There is nothing to keep yet.")
            return redirect("conversations:compose")
        messages.success(self.request, "Your draft is saved.")
        return redirect(draft)

    def remove(self) -> HttpResponse:
        return self._again(words=False)

    def preview(self) -> HttpResponse:
        """Show what one person of the list will read; nothing is sent."""
        if not self.form.is_valid():
            return self._again()
        people = self.form.everybody
        asked = self._text("preview")
        number = min(whole_number(asked, otherwise=1), len(people)) or 1
        person = people[number - 1]
        signature = self.form.cleaned_data["identity"].signature
        return self._again(
            words=False,
            preview={
                "person": person,
                "wording": self.form.wording(person).signed(signature),
                "number": number,
                "of": len(people),
                "previous": number - 1,
                "next": number + 1 if number < len(people) else 0,
            },
        )

    # --- how it is done -------------------------------------------------------

    def _untold(self) -> dict[str, str]:
        """What the writer has not been told yet about this mail: see `_unusual`.

        Of a form that comes once more, because its answer was lost, nothing is asked:
        it has gone, and what has been suppressed since then stopped none of it.
        """
        told = set(self.request.POST.getlist("told"))
        untold = {key: words for key, words in self._unusual() if key not in told}
        sent = Message.objects.filter(sender=self.user, submission=self.uuid)
        return {} if untold and sent.exists() else untold

    def _unusual(self) -> Iterator[tuple[str, str]]:
        """What may be a slip: under a name for the form to repeat, in words."""
        stopped = stopped_among(everybody_named(self.form), self.user.team_id)
        told_of = self._text("stopped").split()
        if new := {str(each.uuid) for _, each in stopped}.difference(told_of):
            # The form names them, and says so when it comes again.
            yield f"stopped {min(new)}", NOT_EVERYBODY
        if self.form.has_no_words:
            yield "no words", NO_WORDS
        listed, subject = self._text("people"), self._text("subject")
        if listed.strip() and (
            twice := told_differently(listed, subject, self.form.text)
        ):
            yield "twice", TWICE.format(twice)
        if self._text("format") == "html":
            for link in lost_links(self._text("body")):
                yield link[:100], LOST_LINK.format(Truncator(link).chars(100))
        typed, at = self._text("send_at").strip(), self.form.cleaned_data["send_at"]
        if typed and (at is None or at < now() - STILL_NOW):
            yield (
                typed,
                "Nothing was sent yet: the time you named has passed. Choose another, or "
                "press Send again to send it at once.",
            )

    def _send(self) -> HttpResponse:
        form, leaves_at = self.form, self._leaves_at()
        cc, bcc = form.copies
        with transaction.atomic():
            failed = self._failed()
            written = write_to_each(
                identity=form.cleaned_data["identity"],
                letters=[(each.address, form.wording(each)) for each in form.everybody],
                enclosed=Enclosed(
                    cc=cc,
                    bcc=bcc,
                    attachments=self.attachments,
                    follows=form.cleaned_data["follows"],
                    resend_of=failed.message if failed else None,
                    not_before=leaves_at,
                ),
                submission=self.uuid,
            )
            if failed:
                replace_failed(failed, by=self.user)
            if leaves_at > now() or self.version:
                drafting.put_away(self.user, self.uuid, self._written(), leaves_at)
        if len(written) == 1:
            return redirect(written[0])
        messages.success(
            self.request,
            f"{len(written)} messages are on their way."
            if leaves_at <= now()
            else f"{len(written)} messages wait {self._wait()}",
            # What the button beside the words posts to: see _messages.html.
            extra_tags=reverse("conversations:undo", args=[self.uuid])
            if leaves_at > now()
            else "",
        )
        return redirect("conversations:pending")

    def _failed(self) -> Delivery | None:
        """What this is sent instead of. Only a draft knows that, and it has a version."""
        if not self.version:
            return None
        to = [each.address for each in self.form.everybody]
        return replaced_by(self.user, self.uuid, to)

    def _wait(self) -> str:
        if self.form.cleaned_data["send_at"]:
            return "for their time."
        return f"{settings.UNDO_SECONDS} seconds, in which you can take them back."

    def _leaves_at(self) -> datetime:
        """The time asked for, unless it comes before Undo is over."""
        wait = settings.UNDO_SECONDS if self.user.can_undo else 0
        soonest = now() + timedelta(seconds=wait)
        asked: datetime | None = self.form.cleaned_data["send_at"]
        return max(asked or soonest, soonest)

    def _written(self) -> Written:
        """The form as it stands, right or wrong, for a draft."""
        form = self.form
        body = self._text("body")
        if len(body) > settings.MAX_MESSAGE_BYTES:
            body = ""  # no server would take it; it stands in the form alone
        formatted = sanitised(body) if self._text("format") == "html" else ""
        identities = EmailIdentity.objects.of(self.user)
        return Written(
            texts={
                **{
                    name: self._text(name).replace("\0", "")[:most]
                    for name, most in TEXTS.items()
                },
                "body": as_text(formatted) if formatted else body.replace("\0", ""),
                "body_html": formatted,
            },
            identity=_chosen(form, "identity", identities),
            follows=_chosen(form, "follows", Message.objects.filter(sender=self.user)),
            attachments=self.attachments,
        )

    def as_draft(self) -> Draft | None:
        return drafting.keep(self.user, self.uuid, self.version, self._written())

    def _again(self, *, words: bool = True, **context: Any) -> HttpResponse:
        """The form once more. What stands in it is kept, errors or none."""
        if not words:
            self.form.errors.clear()
        body = self._text("body")
        formatted = sanitised(body) if self._text("format") == "html" else ""
        try:
            draft = self.as_draft()
        except HasGoneError:
            draft = None
        if draft is not None:
            self.uuid, self.version = draft.uuid, draft.version
        return page(
            self.request,
            self.form,
            submission=self.uuid,
            version=self.version,
            attachments=self.attachments,
            formatted=formatted,
            draft=draft,
            refused=self.refused,
            **context,
        )

    def _as_a_new_one(self) -> HttpResponse:
        """The form again, with what was written, to be sent as another message."""
        self.uuid, self.version = uuid4(), 0
        self.fields["submission"] = str(self.uuid)
        self.form.add_error(
            None,
            "This form was sent before, with other words or to others, and that mail is "
            "on its way. What stands here now was not sent. Send it to write once more.",
        )
        return self._again()


# The button that was pressed → what is done; Enter presses the first.
ACTIONS: dict[str, Callable[[Desk], HttpResponse]] = {
    "preview": Desk.preview,
    "remove": Desk.remove,
    "draft": Desk.keep,
    "send": Desk.send,
}


def _with_submission(posted: QueryDict) -> QueryDict:
    """A form that names no submission, or nonsense, gets one of its own."""
    fields = posted.copy()
    try:
        UUID(fields.get("submission", ""))
    except ValueError:
        fields["submission"] = str(uuid4())
    return fields


def _chosen(form: ComposeForm, name: str, among: Any) -> Any:
    """What is chosen in a field, if it may be, whatever else is wrong."""
    field = "uuid" if name == "follows" else "pk"
    try:
        return among.filter(**{field: form.data.get(name) or None}).first()
    except (ValueError, ValidationError):
        return None


def _beginning(request: UserRequest) -> dict[str, object]:
    """What the form starts with: a follow-up goes to the same person, as the same."""
    try:
        followed = Message.objects.filter(
            sender=request.user, uuid=request.GET.get("follows", "")
        ).first()
    except ValidationError:  # not a UUID
        followed = None
    if followed is None:
        return {
            "to": request.GET.get("to", ""),
            **(
                {"identity": request.GET["identity"]}
                if "identity" in request.GET
                else {}
            ),
        }
    subject = followed.subject
    return {
        "to": followed.conversation.person_address,
        "subject": subject if subject.lower().startswith("re:") else f"Re: {subject}",
        "identity": followed.identity_id,
        "follows": followed.uuid,
    }
