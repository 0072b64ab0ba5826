from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from allauth.core import context
from django import forms
from django.conf import settings
from django.core.validators import RegexValidator

from deliveryportal.accounts.adapter import current_invitation
from deliveryportal.accounts.models import Team, User

if TYPE_CHECKING:
    from django.http import HttpRequest

    _ProfileForm = forms.ModelForm[User]
else:
    _ProfileForm = forms.ModelForm

# What the names of time zones begin with; others are of old, or of no place.
AREAS = {
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic"),
    *("Australia", "Europe", "Indian", "Pacific"),
}

# Besides line ends and control characters: those that turn the direction of
# writing, with which a name can be made to read as another.
one_line = RegexValidator(
    # "=?" begins an encoded word: what it hides would be read as typed.
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|=\?",
    "This must be one line of plain text, without control characters or “=?”.",
    inverse_match=True,
)


def no_address(name: str) -> None:
    # As it looks: there are wide and small at signs too.
    if re.search(r"[@<>]", unicodedata.normalize("NFKC", name)):
        raise forms.ValidationError(
            "A name must not contain “@”, “<” or “>”: your recipient could take it for "
            "the sender’s address. Write the name without them."
        )


class NameField(forms.CharField):
    """A name that may stand in From."""

    default_validators = [one_line, no_address]

    def __init__(self, **kwargs: Any) -> None:
        defaults: dict[str, Any] = {
            "max_length": 100,
            "help_text": "Recipients see it as the sender of your mail.",
        }
        super().__init__(**defaults | kwargs)
        self.widget.attrs["autocomplete"] = "name"


class BrowsersTimeZone(forms.HiddenInput):
    """Filled in by the browser, where scripts run."""

    class Media:
        js = [forms.Script("time_zone.js", defer=True)]


class SignupForm(forms.Form):
    """What allauth's sign-up asks besides email and password."""

    name = NameField(widget=forms.TextInput(attrs={"autofocus": True}))
    time_zone = forms.CharField(required=False, widget=BrowsersTimeZone)
    field_order = ["name", "email", "password1"]

    @property
    def joining(self) -> Team | None:
        """The team of the invitation that was followed, if one was."""
        invitation = current_invitation(context.request)
        return invitation.team if invitation else None

    def clean(self) -> dict[str, Any] | None:
        """Sign up whom the invitation is for, and nobody else by it."""
        email = self.cleaned_data.get("email", "")
        invitation = current_invitation(context.request)
        if email and invitation and invitation.email.casefold() != email.casefold():
            self.add_error(
                "email",
                f"This invitation is for {invitation.email}. Sign up with that address, "
                "or ask your manager to invite this one.",
            )
        return super().clean()

    def clean_time_zone(self) -> str:
        """Drop a zone that does not exist: no person typed it, who could correct it."""
        zone: str = self.cleaned_data["time_zone"]
        return zone if zone in available_timezones() else ""

    def signup(self, request: HttpRequest, user: User) -> None:
        """Nothing is left to do: the adapter has saved the person into a team."""


class ProfileForm(_ProfileForm):
    name = NameField(help_text="")
    time_zone = forms.ChoiceField(
        required=False,
        help_text="Times are shown, and mail is scheduled, as clocks there go.",
    )

    class Meta:
        model = User
        fields = ["name", "time_zone", "can_undo", "daily_digest"]
        labels = {
            "can_undo": "Let me undo Send",
            "daily_digest": "Mail me a digest each morning",
        }
        help_texts = {
            "daily_digest": "At 8:00 by your clock: new failures by cause, what nobody has "
            "decided about for a day, and channels that need attention. No mail when there "
            "is nothing.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = self.fields["time_zone"]
        assert isinstance(zones, forms.ChoiceField)
        zones.choices = [
            ("", f"{settings.TIME_ZONE} (the portal's)"),
            *(
                (zone, zone.replace("_", " "))
                for zone in _zones(self.instance.time_zone)
            ),
        ]
        if not self.instance.is_manager:
            del self.fields["daily_digest"]
        undo = self.fields["can_undo"]
        undo.help_text = (
            f"Mail then waits {settings.UNDO_SECONDS} seconds before it leaves."
            if settings.UNDO_SECONDS
            else "The portal has switched this off for everybody."
        )


def _zones(kept: str) -> list[str]:
    """The names people look for, and the one that is `kept` already."""
    return sorted(
        zone
        for zone in available_timezones()
        if zone in {"UTC", kept} or zone.partition("/")[0] in AREAS
    )


class RenameTeamForm(forms.Form):
    name = forms.CharField(
        label="Name of the team",
        max_length=100,
        validators=[one_line],
        help_text="Its members see it, and whoever is invited.",
    )


class InviteForm(forms.Form):
    email = forms.EmailField(
        label="Email address",
        max_length=254,  # as people's own; Django allows 320
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


class ScheduledMailField(forms.ChoiceField):
    """What becomes of the mail that waits of somebody who is locked out."""

    CANCEL = "cancel"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            label="Their mail that waits",
            required=False,
            help_text="Handed over, it becomes drafts of the manager, who sends them or "
            "not. Cancelled, it stands under Failed deliveries. Either way nothing "
            "leaves.",
            **kwargs,
        )
        self.heirs: dict[str, User] = {}

    def offer_managers(self, member: User) -> None:
        others = User.objects.filter(
            team=member.team_id, role=User.Role.MANAGER, is_active=True
        ).exclude(pk=member.pk)
        self.heirs = {str(each.pk): each for each in others.order_by("name", "pk")}
        self.choices = [
            ("", "Choose"),
            *((key, f"Hand it to {each}") for key, each in self.heirs.items()),
            (self.CANCEL, "Cancel it"),
        ]


class DeactivateForm(forms.Form):
    # What the page said was scheduled: not more than that is decided by it.
    accepted = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    scheduled = ScheduledMailField()

    def __init__(self, member: User, *args: Any, scheduled: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["accepted"].initial = scheduled
        self.fields["scheduled"].required = scheduled > 0
        self._scheduled.offer_managers(member)

    @property
    def _scheduled(self) -> ScheduledMailField:
        field = self.fields["scheduled"]
        assert isinstance(field, ScheduledMailField)
        return field

    @property
    def heir(self) -> User | None:
        return self._scheduled.heirs.get(self.cleaned_data["scheduled"])
