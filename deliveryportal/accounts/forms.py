from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.core.validators import RegexValidator

from deliveryportal.accounts.models import User

if TYPE_CHECKING:
    from django.http import HttpRequest

# Besides line ends and control characters: those that turn the direction of
# writing, with which a name can be made to read as another.
one_line = RegexValidator(
    # "=?" begins an encoded word: what it hides would be read as typed.
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|=\?",
    "This must be one line of plain text, without control characters or “=?”.",
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
    email = forms.EmailField(
        label="Email address",
        help_text="They get a link with which they sign up as a member of your team.",
    )

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(
                "%(email)s already has an account, and a person belongs to one team.",
                params={"email": email},
            )
        return email
