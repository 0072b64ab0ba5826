from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator

from channels.addresses import Address, AddressError, parse_address
from channels.imitation import imitated
from channels.models import Channel, EmailIdentity
from deliveryportal.accounts.forms import NameField
from deliveryportal.accounts.models import User

if TYPE_CHECKING:
    _ChannelChoice = forms.ModelChoiceField[Channel]
else:
    _ChannelChoice = forms.ModelChoiceField

MAX_SIGNATURE = 2000  # characters


plain_lines = RegexValidator(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "A signature is plain text, without control characters.",
    inverse_match=True,
)


class AddressField(forms.CharField):
    """`anna@example.com` → an `Address`."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return parse_address(text)
        except AddressError as error:
            raise ValidationError(str(error)) from None


class _IdentityForm(forms.Form):
    """Name and signature."""

    display_name = NameField()
    signature = forms.CharField(
        required=False,
        max_length=MAX_SIGNATURE,
        validators=[plain_lines],
        help_text="Stands below every mail you write with this identity.",
        widget=forms.Textarea(attrs={"rows": 5}),
    )

    def __init__(self, owner: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner

    def sender_address(self) -> str:
        """Return the address of the identity; empty if there is no good one yet."""
        raise NotImplementedError

    def clean_display_name(self) -> str:
        name: str = self.cleaned_data["display_name"]
        mate = imitated(name, owner=self.owner, address=self.sender_address())
        if mate:
            raise ValidationError(
                "This reads like “%(mate)s”, a name in your team. Your recipient could "
                "not tell you apart: choose another.",
                params={"mate": mate},
            )
        return name


class NewIdentityForm(_IdentityForm):
    address = AddressField(
        label="Email address",
        max_length=320,
        help_text="It gets a mail with a link, to see that you can read its mailbox.",
        widget=forms.TextInput(attrs={"autocomplete": "email", "inputmode": "email"}),
    )
    field_order = ["address", "display_name", "signature"]

    def clean_address(self) -> Address:
        address: Address = self.cleaned_data["address"]
        if address.needs_smtputf8:
            raise ValidationError(
                "%(address)s has letters before the @ that most mail servers do not "
                "take from a sender. Use an address with plain letters there.",
                params={"address": address.shown},
            )
        mine = EmailIdentity.objects.of(self.owner)
        if mine.filter(address__iexact=address.wire).exists():
            raise self.second(address)
        return address

    @staticmethod
    def second(address: Address) -> ValidationError:
        return ValidationError(
            "You already have an identity with the address %(address)s.",
            params={"address": address.shown},
        )

    def sender_address(self) -> str:
        address: Address | None = self.cleaned_data.get("address")
        return address.wire if address else ""


class ChannelField(_ChannelChoice):
    def label_from_instance(self, obj: Channel) -> str:
        whose = "your team’s" if obj.team_id else obj.address
        broken = "" if obj.health == Channel.Health.WORKING else ", not working"
        return f"{obj} ({whose}{broken})" if whose else f"{obj}{broken}"


class IdentityForm(_IdentityForm):
    channel = ChannelField(
        Channel.objects.none(),
        label="Delivery channel",
        required=False,
        empty_label="Your choice in Delivery channel",
        help_text="Another one only for mail that you write as this identity.",
    )

    def __init__(self, identity: EmailIdentity, *args: Any, **kwargs: Any) -> None:
        super().__init__(identity.owner, *args, **kwargs)
        self.identity = identity
        self.initial = {
            "display_name": identity.display_name,
            "signature": identity.signature,
            "channel": identity.channel_id,
        }
        field = self.fields["channel"]
        assert isinstance(field, forms.ModelChoiceField)
        usable = Channel.objects.usable_by(identity.owner)
        # One that broke stays selected, lest saving a signature moves the mail.
        kept = usable.filter(pk=identity.channel_id or 0)
        field.queryset = usable.working() | kept

    def sender_address(self) -> str:
        return self.identity.address
