from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.urls import reverse

from channels.addresses import Address, AddressError, parse_addresses
from channels.models import EmailIdentity
from conversations.models import Message
from deliveryportal.accounts.forms import one_line
from deliveryportal.accounts.models import User

MAX_RECIPIENTS = 500
# A field whose change asks what its recipients will see now.
LIVE = {
    "hx-include": "[name=identity], [name=to]",
    "hx-target": "#seen",
    "hx-swap": "outerHTML",
    "hx-sync": "this:replace",
}


class RecipientsField(forms.CharField):
    """`anna@example.com, Bert <bert@example.com>` → a list of addresses."""

    widget = forms.TextInput

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            addresses = parse_addresses(text)
        except AddressError as error:
            raise ValidationError(str(error)) from None
        if len(addresses) > MAX_RECIPIENTS:
            raise ValidationError(
                f"These are {len(addresses)} recipients; "
                f"one form takes {MAX_RECIPIENTS}."
            )
        return addresses


class ComposeForm(forms.Form):
    identity = forms.ModelChoiceField(
        EmailIdentity.objects.none(), label="From", empty_label=None, required=False
    )
    to = RecipientsField(
        # No strip: a line end at either end is refused, not forgiven.
        strip=False,
        help_text="Several, separated by commas, get a message each.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "inputmode": "email", **LIVE}
            # Other people, others who get nothing.
            | {"hx-trigger": "input changed delay:400ms, change"}
        ),
    )
    subject = forms.CharField(
        max_length=500, required=False, strip=False, validators=[one_line]
    )
    body = forms.CharField(
        required=False, strip=False, widget=forms.Textarea(attrs={"rows": 14})
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
        follows = self.fields["follows"]
        assert isinstance(follows, forms.ModelChoiceField)
        follows.queryset = Message.objects.filter(sender=user)
        field = self.fields["identity"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = EmailIdentity.objects.of(user)
        field.initial = field.queryset.first()
        # Another identity, another view of the recipient's.
        field.widget.attrs |= LIVE | {
            "hx-get": reverse("conversations:compose"),
            "hx-trigger": "change",
        }
        self.fields["to"].widget.attrs["hx-get"] = reverse("conversations:compose")

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

    @property
    def recipients(self) -> list[Address]:
        addresses: list[Address] = self.cleaned_data["to"]
        return addresses
