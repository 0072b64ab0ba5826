from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.core.validators import RegexValidator

if TYPE_CHECKING:
    from django.http import HttpRequest

    from deliveryportal.accounts.models import User

one_line = RegexValidator(
    r"[\x00-\x1f\x7f\x85\u2028\u2029]",
    "This must be one line of plain text, without control characters.",
    inverse_match=True,
)


class SignupForm(forms.Form):
    """What allauth's sign-up asks besides email and password."""

    name = forms.CharField(
        max_length=100,
        validators=[one_line],
        widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True}),
        help_text="Recipients see it as the sender of your mail.",
    )
    field_order = ["name", "email", "password1"]

    def signup(self, request: HttpRequest, user: User) -> None:
        """Nothing is left to do: the adapter has saved the person into a team."""


class InviteForm(forms.Form):
    email = forms.EmailField(label="Email address")
