from __future__ import annotations

from django import forms
from django.core.validators import RegexValidator

from deliveryportal.accounts.forms import one_line

MAX_SIGNATURE = 2000  # characters

no_address = RegexValidator(
    r"[^\s@]@[^\s@]",
    "A display name must not contain an email address: "
    "your recipient would take it for the sender’s.",
    inverse_match=True,
)
plain_lines = RegexValidator(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "A signature is plain text, without control characters.",
    inverse_match=True,
)


class IdentityForm(forms.Form):
    display_name = forms.CharField(
        max_length=100,
        validators=[one_line, no_address],
        help_text="Recipients see it as the sender of your mail.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    signature = forms.CharField(
        required=False,
        max_length=MAX_SIGNATURE,
        validators=[plain_lines],
        help_text="Stands below every mail you write with this identity.",
        widget=forms.Textarea(attrs={"rows": 5}),
    )
