from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_http_methods

from channels.whole_numbers import whole_number
from conversations.composing import AlreadySentError
from conversations.forms import ComposeForm
from conversations.models import Attachment, Draft, Message
from conversations.writing.attaching import AttachmentError, attach
from conversations.writing.drafting import HasGoneError, Written, keep
from conversations.writing.foreseeing import foresee
from conversations.writing.reworking import SentAgainBeforeError
from conversations.writing.rich_text import sanitised
from conversations.writing.sending_off import SentOff, send_off
from conversations.writing.unusual import untold
from deliveryportal.accounts.access import UserRequest

NOT_ADDED = (
    "The files you chose last were not added, so nothing was sent yet. Attach smaller "
    "ones, or press Send again to send it without them."
)
SENT_BEFORE = (
    "This form was sent before, with other people, words or files or for another time, "
    "and that mail is on its way. What stands here now was not sent. Send it to write "
    "once more."
)
WAITS_FOR_TIME = "for their time."
WAITS_FOR_UNDO = "{} seconds, in which you can take them back."


@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: UserRequest) -> HttpResponse:
    """Write a message. `?to=` fills in the recipient, `?follows=` all but the text."""
    if request.method == "POST":
        return PostedForm(request).answer()
    form = ComposeForm(
        request.user, initial={"submission": uuid4(), **_beginning(request)}
    )
    response = page(request, form)
    # The browser may keep it: whoever goes back to it after Send has the same
    # submission, and the mail is sent only once.
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
            "foreseen": foresee(form),
            **context,
        },
    )


class PostedForm:
    """One posted compose form: sent, kept as a draft, previewed, or one of its files
    removed."""

    def __init__(self, request: UserRequest) -> None:
        self.request = request
        self.fields = _with_submission(request.POST)
        self.form = ComposeForm(request.user, self.fields, request.FILES)
        self.uuid = UUID(self.form.typed("submission"))
        self.version = whole_number(self.form.typed("version"), otherwise=0)
        self.attachments = self._attached()
        self.refused = (
            bool(self.files_error) if request.FILES else "refused" in self.fields
        )

    def _attached(self) -> list[Attachment]:
        removed = self.form.typed("remove")
        kept = [each for each in self.form.attached if str(each.uuid) != removed]
        uploads = self.request.FILES.getlist("upload")
        self.files_error = ""
        try:
            return attach(self.request.user, uploads, to=kept)
        except AttachmentError as error:
            self.files_error = str(error)
            return kept

    def answer(self) -> HttpResponse:
        asked = next((each for each in ACTIONS if each in self.fields), "send")
        return ACTIONS[asked](self)

    def send(self) -> HttpResponse:
        if self.refused:
            self.form.add_error("upload", self.files_error or NOT_ADDED)
            self.refused = False  # the writer knows now: the next Send goes without
        if not self.form.is_valid():
            return self._again()
        if unusual := untold(self.form, self.uuid):
            for words in dict.fromkeys(unusual.values()):
                self.form.add_error(None, words)
            return self._again(asked=unusual)
        try:
            sent = send_off(
                self.form, self.uuid, self.attachments, is_draft=bool(self.version)
            )
        except AlreadySentError:
            return self._as_a_new_one()
        except SentAgainBeforeError as error:
            self.form.add_error(None, str(error))
            return self._again(asked=error.asked)
        return self._lead_on(sent)

    def keep(self) -> HttpResponse:
        if self.files_error:
            self.form.add_error("upload", self.files_error)
            return self._again()
        try:
            draft = self.as_draft()
        except HasGoneError:
            return self._as_a_new_one()
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
        asked = self.form.typed("preview")
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

    def as_draft(self) -> Draft | None:
        written = Written.of(self.form, self.attachments)
        return keep(self.request.user, self.uuid, self.version, written)

    def _lead_on(self, sent: SentOff) -> HttpResponse:
        """Lead to the message; of several, to the list they stand in."""
        number = len(sent.messages)
        if number == 1:
            return redirect(sent.messages[0])
        if not sent.waits:
            messages.success(self.request, f"{number} messages are on their way.")
            return redirect("conversations:pending")
        until = WAITS_FOR_TIME if self.form.cleaned_data["send_at"] else WAITS_FOR_UNDO
        messages.success(
            self.request,
            f"{number} messages wait {until.format(settings.UNDO_SECONDS)}",
            # The address of the Undo button beside the words: see _messages.html.
            extra_tags=reverse("conversations:undo", args=[self.uuid]),
        )
        return redirect("conversations:pending")

    def _again(self, *, words: bool = True, **context: Any) -> HttpResponse:
        """The form once more, with all that stands in it; its errors only with `words`."""
        if not words:
            self.form.errors.clear()
        is_html = self.form.typed("format") == "html"
        formatted = sanitised(self.form.typed("body")) if is_html else ""
        if is_html and not formatted:
            self.fields["body"] = ""  # else the editor shows the tags as words
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
            told=self.form.told | context.get("asked", {}).keys(),
            **context,
        )

    def _as_a_new_one(self) -> HttpResponse:
        """The form again, with what was written, to be sent as another message."""
        self.uuid, self.version = uuid4(), 0
        self.fields["submission"] = str(self.uuid)
        self.form.add_error(None, SENT_BEFORE)
        return self._again()


# By the name of the button that was pressed. Enter presses Send: see compose.html.
ACTIONS: dict[str, Callable[[PostedForm], HttpResponse]] = {
    "preview": PostedForm.preview,
    "remove": PostedForm.remove,
    "draft": PostedForm.keep,
    "send": PostedForm.send,
}


def _with_submission(posted: QueryDict) -> QueryDict:
    """A form that names no submission, or nonsense, gets one of its own."""
    fields = posted.copy()
    try:
        UUID(fields.get("submission", ""))
    except ValueError:
        fields["submission"] = str(uuid4())
    return fields


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
