from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from channels.addresses import AddressError, parse_address, wire_domain
from conversations.models.suppression import DOMAIN_MARK
from deliveryportal.accounts.forms import one_line

NOTE = 500


class SuppressForm(forms.Form):
    """An address that the team shall not write to any more."""

    address = forms.CharField(label="Address", max_length=300, strip=True)
    note = forms.CharField(
        label="Why",
        max_length=NOTE,
        validators=[one_line],
        help_text="Shown to everybody in the team who writes to this person.",
    )

    def clean_address(self) -> str:
        """Return it in its wire form."""
        try:
            return parse_address(self.cleaned_data["address"]).wire
        except AddressError as error:
            raise ValidationError(str(error)) from None


class BlockDomainForm(forms.Form):
    """A domain that the team shall not write to any more."""

    domain = forms.CharField(
        label="Domain",
        max_length=300,
        strip=True,
        help_text="As in rival.example. Everything below it is blocked too.",
    )
    note = forms.CharField(
        label="Note", max_length=NOTE, required=False, validators=[one_line]
    )

    def clean_domain(self) -> str:
        """Return it in its wire form."""
        domain: str = self.cleaned_data["domain"].removeprefix(DOMAIN_MARK)
        try:
            return wire_domain(domain)
        except AddressError as error:
            raise ValidationError(str(error)) from None


class ReleaseForm(forms.Form):
    because = forms.CharField(
        label="Why it may be written to again",
        max_length=NOTE,
        validators=[one_line],
        help_text="Kept with your name and the date.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["because"].widget.attrs["autocomplete"] = "off"
