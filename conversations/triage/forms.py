"""The forms that are filled in before an action is carried out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q

from channels.addresses import AddressError, parse_address
from conversations.models import Delivery
from conversations.models.state import Triage
from conversations.triage.changing_channel import channels_offered, what_changes
from conversations.triage.correcting import corrected
from conversations.triage.deciding import NOBODY, NOTE, SENDER
from conversations.triage.order import Order
from conversations.triage.suggesting import (
    Reached,
    Suggestion,
    spellings,
    suggestions,
)
from deliveryportal.accounts.forms import one_line
from deliveryportal.accounts.models import User


class Doubtful(Enum):
    """How many of the deliveries to be sent again may have arrived."""

    NONE = auto()
    SOME = auto()
    ALL = auto()


class ActionForm(forms.Form):
    """Asks for consent, if any of the mail may thereby be sent twice.

    `examples` are deliveries it is about. With `everything`, they are not all of them,
    or too many to ask about each.
    """

    anyway = forms.BooleanField(
        label="Send it although it may be the second time",
        error_messages={"required": "Say that you want it sent, or leave it."},
    )

    def __init__(
        self,
        user: User,
        examples: Sequence[Delivery],
        *args: Any,
        everything: bool,
        doubtful: Doubtful,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.examples, self.everything = user, examples, everything
        if doubtful is Doubtful.NONE:
            del self.fields["anyway"]
        elif doubtful is Doubtful.SOME:
            anyway = self.fields["anyway"]
            anyway.required = False
            anyway.label = "Send those too that may be a second time"
            anyway.help_text = "Else only what is certainly not delivered is sent."

    @property
    def options(self) -> dict[str, Any]:
        """The values for `Order.options`, as JSON can hold them."""
        return {key: value for key, value in self.cleaned_data.items() if value}


class ChannelForm(ActionForm):
    channel = forms.ChoiceField(
        label="Channel", error_messages={"required": "Choose the channel to send by."}
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offered = what_changes(self.user, self.examples)
        field = self.fields["channel"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (str(channel.uuid), str(channel)) for channel in channels_offered(self.user)
        ]


class CorrectionForm(ActionForm):
    """Asks for an address for each delivery; of too many, for one domain of theirs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows: list[tuple[Delivery, forms.BoundField, list[Suggestion]]] = []
        if self.everything:
            self._ask_for_domain()
        else:
            reached = Reached.by(self.user)
            for delivery in self.examples:
                self._ask_for_address(delivery, suggestions(delivery, reached))

    def _ask_for_domain(self) -> None:
        domains = Counter(each.recipient.rpartition("@")[2] for each in self.examples)
        wrong = next((domain for domain, _ in domains.most_common(1)), "")
        likely = spellings(wrong, Reached.by(self.user).addresses)
        self.fields["wrong"] = forms.CharField(
            label="The wrong domain",
            max_length=253,
            initial=wrong,
            validators=[one_line],
            help_text="Whatever is at another domain is left out.",
        )
        self.fields["domain"] = forms.CharField(
            label="The right domain",
            max_length=253,
            initial=next(iter(likely), ""),
            validators=[one_line],
            help_text="What stands before the @ stays as it is.",
        )

    def clean_wrong(self) -> str:
        return str(self.cleaned_data["wrong"]).removeprefix("@")

    def clean_domain(self) -> str:
        domain = str(self.cleaned_data["domain"]).removeprefix("@")
        try:
            parse_address(f"somebody@{domain}")
        except AddressError as error:
            raise ValidationError(str(error)) from error
        if domain.casefold() == self.cleaned_data.get("wrong", "").casefold():
            raise ValidationError("The domain is the same as before.")
        return domain

    def _ask_for_address(self, delivery: Delivery, found: list[Suggestion]) -> None:
        name = f"address-{delivery.uuid}"
        self.fields[name] = forms.CharField(
            label=f"Instead of {delivery.recipient}",
            max_length=254,
            required=False,
            initial=next((each.address for each in found if each.likely), ""),
            validators=[one_line],
            widget=forms.EmailInput(
                attrs={"list": f"for-{delivery.uuid}", "autocomplete": "off"}
            ),
        )
        self.rows.append((delivery, self[name], found))

    def clean(self) -> dict[str, Any] | None:
        order = Order(self.user, self.options)
        for delivery, field, _ in self.rows:
            if field.name in self.errors or not self.cleaned_data.get(field.name):
                continue
            try:
                corrected(delivery, order)
            except AddressError as error:
                self.add_error(field.name, ValidationError(str(error)))
        if self.rows and not self.errors and not self.options["addresses"]:
            raise ValidationError("Write at least one address to send to.")
        return self.cleaned_data

    @property
    def options(self) -> dict[str, Any]:
        written = {
            str(delivery.uuid): self.cleaned_data.get(field.name)
            for delivery, field, _ in self.rows
        }
        return {
            "anyway": self.cleaned_data.get("anyway", False),
            "wrong": self.cleaned_data.get("wrong", ""),
            "domain": self.cleaned_data.get("domain", ""),
            "addresses": {
                uuid: address for uuid, address in written.items() if address
            },
        }


class DecisionForm(ActionForm):
    decision = forms.ChoiceField(
        choices=Triage.choices,
        initial=Triage.RESOLVED,
        widget=forms.RadioSelect,
        help_text="Open: nobody has decided. Waiting: somebody sees to it later. "
        "Resolved: nothing is left to do. Accepted loss: it did not arrive, and stays so.",
    )
    owner = forms.ChoiceField(required=False, label="Looked after by")
    note = forms.CharField(
        required=False, max_length=NOTE, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["owner"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", "as before"),
            (NOBODY, "Nobody"),
            (SENDER, "Whoever wrote it"),
            *((str(each.pk), str(each)) for each in self._who_sees_them()),
        ]
        self.order_fields(["decision", "owner", "note"])

    def _who_sees_them(self) -> list[User]:
        """Managers, and the sender if there is but one."""
        sees = Q(role=User.Role.MANAGER)
        senders = {each.sender_id for each in self.examples}
        if len(senders) == 1:
            sees |= Q(pk__in=senders)
        team = User.objects.filter(sees, team=self.user.team_id, is_active=True)
        return list(team.order_by("name", "pk"))
