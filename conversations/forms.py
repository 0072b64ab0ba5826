from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.datastructures import MultiValueDict

from channels.addresses import Address, AddressError, parse_addresses
from channels.models import EmailIdentity
from conversations.composing import Wording
from conversations.models import Attachment, Message
from conversations.writing.merging import (
    MergeError,
    Person,
    broken_fields,
    filled,
    person,
    problems,
    read_people,
)
from conversations.writing.rich_text import as_text, sanitised
from conversations.writing.scheduling import NoSuchTimeError, instant
from deliveryportal.accounts.forms import one_line
from deliveryportal.accounts.models import User

if TYPE_CHECKING:
    _IdentityField = forms.ModelChoiceField[EmailIdentity]
else:
    _IdentityField = forms.ModelChoiceField

MAX_RECIPIENTS = 500  # in a line that is typed
MAX_PEOPLE = 2_000  # on a list that is pasted
# The years in which mail may be sent: near year 1 no time zone can be reckoned with.
FIRST_YEAR, LAST_YEAR = 2000, 2100
# For the fields whose change shows anew what recipients see and who will not get it.
LIVE = {
    "hx-params": "csrfmiddlewaretoken, identity, to, cc, bcc, people",
    "hx-target": "#seen",
    "hx-swap": "outerHTML",
    "hx-sync": "this:replace",
}


class RecipientsField(forms.CharField):
    """`ann@example.com, Bert <bert@example.com>` → a list of addresses."""

    widget = forms.TextInput

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return []
        try:
            addresses = parse_addresses(text)
        except AddressError as error:
            raise ValidationError(list(error.args)) from None
        if len(addresses) > MAX_RECIPIENTS:
            raise ValidationError(
                f"These are {len(addresses)} recipients; "
                f"one form takes {MAX_RECIPIENTS}."
            )
        return addresses


class PeopleField(forms.CharField):
    """A pasted list → the people on it."""

    widget = forms.Textarea(attrs={"rows": 5})

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text or not text.strip():
            return []
        try:
            people = read_people(text)
        except MergeError as error:
            raise ValidationError(list(error.args)) from None
        if len(people) > MAX_PEOPLE:
            raise ValidationError(
                f"There are {len(people):,} people on this list; one form takes "
                f"{MAX_PEOPLE:,}. Send it in parts."
            )
        return people


class IdentityField(_IdentityField):
    def label_from_instance(self, obj: EmailIdentity) -> str:
        return f"{obj}" if obj.is_verified else f"{obj} (not verified)"


class FilesInput(forms.FileInput):
    allow_multiple_selected = True


class ComposeForm(forms.Form):
    identity = IdentityField(
        EmailIdentity.objects.none(), label="From", empty_label=None, required=False
    )
    to = RecipientsField(
        # No strip: a line end at either end is refused, not forgiven.
        strip=False,
        required=False,
        help_text="Several, separated by commas, get a message each.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "inputmode": "email"},
        ),
    )
    cc = RecipientsField(
        strip=False,
        required=False,
        label="Cc",
        help_text="They read along, and everybody sees that.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "email"}),
    )
    bcc = RecipientsField(
        strip=False,
        required=False,
        label="Bcc",
        help_text="They read along, and nobody sees that.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "email"}),
    )
    people = PeopleField(
        strip=False,
        required=False,
        label="List of people",
        help_text="One “Anna Berg &lt;ann@example.com&gt;” a line, or rows copied from "
        "a spreadsheet with a line of headings, one of them “email”. Each gets a message "
        "of their own. In subject and text <code>{{first_name}}</code>, "
        "<code>{{name}}</code>, <code>{{email}}</code> and the headings of your table "
        "are filled in for each.",
    )
    subject = forms.CharField(
        max_length=500, required=False, strip=False, validators=[one_line]
    )
    body = forms.CharField(
        required=False,
        strip=False,
        label="Text",
        widget=forms.Textarea(attrs={"rows": 14}),
    )
    # "html" once the editor has taken over; without it the text is plain.
    format = forms.CharField(required=False, widget=forms.HiddenInput)
    # What comes in it is looked at by `attaching`.
    upload = forms.Field(
        required=False,
        label="Attach files",
        widget=FilesInput(attrs={"multiple": True}),
    )
    send_at = forms.CharField(
        required=False,
        label="Send at",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    follows = forms.ModelChoiceField(
        Message.objects.none(),
        to_field_name="uuid",
        required=False,
        widget=forms.HiddenInput,
    )
    submission = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        follows = self.fields["follows"]
        assert isinstance(follows, forms.ModelChoiceField)
        follows.queryset = Message.objects.filter(sender=user)
        field = self.fields["identity"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = EmailIdentity.objects.of(user)
        field.initial = field.queryset.first()
        live = LIVE | {"hx-post": reverse("conversations:seen")}
        # By another identity the recipient sees something else.
        field.widget.attrs |= live | {"hx-trigger": "change"}
        for name in ("to", "cc", "bcc", "people"):
            # Of other people others will not get it. Asked while they are typed and not
            # again when the field is left: that would close what was opened below it.
            self.fields[name].widget.attrs |= live | {
                "hx-trigger": "input changed delay:400ms",
            }
        zone, profile = user.zone.key, reverse("accounts:profile")
        whose = (
            f'The time is that of {zone}, <a href="{profile}">your time zone</a>.'
            if user.time_zone
            else f"You have chosen no time zone, so the time is that of {zone}: "
            f'<a href="{profile}">choose yours</a> first.'
        )
        self.fields["send_at"].help_text = f"Empty: at once. {whose}"

    # --- field by field -------------------------------------------------------

    def clean_identity(self) -> EmailIdentity:
        identity = self.cleaned_data["identity"] or self.fields["identity"].initial
        if identity is None:
            raise ValidationError("You have no email identity to write as.")
        if not identity.is_verified:
            raise ValidationError(
                f"{identity.address} is not verified yet, so nothing can be sent as "
                "it. Follow the link in the mail it was sent."
            )
        assert isinstance(identity, EmailIdentity)
        return identity

    def clean_body(self) -> str:
        body: str = self.cleaned_data["body"]
        size = len(body.encode())
        if size > settings.MAX_MESSAGE_BYTES:
            raise ValidationError(
                f"This message has {filesizeformat(size)}; servers take at most "
                f"{filesizeformat(settings.MAX_MESSAGE_BYTES)}. Nothing was sent. "
                "Put the long part where it can be downloaded and send a link."
            )
        return body

    def clean_send_at(self) -> datetime | None:
        """The moment it is to leave, which may be past; None: at once."""
        text: str = self.cleaned_data["send_at"].strip()
        if not text:
            return None
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            local = None
        if local is None or local.tzinfo is not None:
            raise ValidationError("This is no date and time, as in 2026-05-31 14:30.")
        if local.year > LAST_YEAR:
            raise ValidationError(
                f"Mail can wait until the end of {LAST_YEAR}. Nothing was sent: choose "
                "an earlier time."
            )
        if local.year < FIRST_YEAR:
            return None
        zone: ZoneInfo = self.user.zone
        try:
            return instant(local, zone)
        except NoSuchTimeError as error:
            raise ValidationError(str(error)) from None

    # --- all together ---------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if self.errors.keys() & {"to", "people", "cc", "bcc", "subject", "body"}:
            return data
        if not self.everybody:
            self.add_error(
                "to", "Nothing was sent yet: say here, or on a list, whom it is to."
            )
        elif len(self.everybody) > 1 and (data["cc"] or data["bcc"]):
            self.add_error(
                "cc" if data["cc"] else "bcc",
                f"{len(self.everybody)} people get a message each, and whoever reads along "
                "would get every one of them. Write to one person, or leave this empty.",
            )
        else:
            self._check_words()
            self._check_merge()
        return data

    def _check_words(self) -> None:
        if self.has_no_words and not (self.files or self.attached):
            self.add_error(
                None,
                "This message has neither a subject nor a text, and was not sent. Write "
                "one of them.",
            )

    def _check_merge(self) -> None:
        wrong = problems(self.everybody, self.cleaned_data["subject"], self.text)
        wrong += [
            f"“{{{{{name}}}}}” is formatted in its middle. Write it again in one go."
            for name in (broken_fields(self.text, self.html) if self.html else [])
        ]
        if wrong:
            wrong.insert(0, "Nothing was sent yet: not every field can be filled in.")
        for problem in wrong:
            self.add_error(None, problem)
        if self.errors:
            return
        for each in self.everybody:
            subject = filled(self.cleaned_data["subject"], each)
            try:
                one_line(subject)
            except ValidationError as error:
                self.add_error("subject", f"For {each.address.shown}: {error.message}")
                return
            if len(subject) > 500:
                self.add_error(
                    "subject",
                    f"For {each.address.shown} it has {len(subject)} characters; "
                    "500 are the most.",
                )
                return

    # --- what it says ---------------------------------------------------------

    def typed(self, name: str) -> str:
        """What was posted under this name, right or wrong."""
        return str(self.data.get(name, ""))

    @property
    def told(self) -> set[str]:
        """What its writer was told before, each by its name: see writing.unusual."""
        assert isinstance(self.data, MultiValueDict)
        return set(self.data.getlist("told"))

    @cached_property
    def everybody(self) -> list[Person]:
        """Everybody who gets a message of their own, each once."""
        typed = [person(address) for address in self.cleaned_data["to"]]
        named = [*typed, *self.cleaned_data["people"]]
        return list({p.address.wire.casefold(): p for p in named}.values())

    @cached_property
    def html(self) -> str:
        """The formatted text, made harmless; empty if it was written as plain text."""
        formatted = self.cleaned_data.get("format") == "html"
        return sanitised(self.cleaned_data["body"]) if formatted else ""

    @cached_property
    def text(self) -> str:
        """The plain text; of formatted text what it says."""
        if self.cleaned_data.get("format") == "html":
            return as_text(self.html)
        body: str = self.cleaned_data["body"]
        return body

    @property
    def has_no_words(self) -> bool:
        return not (self.cleaned_data["subject"].strip() or self.text.strip())

    def wording(self, person: Person) -> Wording:
        """What this one person is to read."""
        return Wording(
            subject=filled(self.cleaned_data["subject"], person),
            body=filled(self.text, person),
            html=filled(self.html, person, html=True),
        )

    @property
    def copies(self) -> tuple[list[Address], list[Address]]:
        return self.cleaned_data["cc"], self.cleaned_data["bcc"]

    @property
    def attached(self) -> list[Attachment]:
        """The files that were attached before this form came."""
        assert isinstance(self.data, MultiValueDict)
        uuids = [each for each in self.data.getlist("attached") if _is_uuid(each)]
        mine = Attachment.objects.filter(owner=self.user, uuid__in=uuids)
        return list(mine.without_content())


def _is_uuid(text: str) -> bool:
    try:
        forms.UUIDField().clean(text)
    except ValidationError:
        return False
    return True
