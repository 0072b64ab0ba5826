"""The forms that are filled in before an action is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from channels.addresses import AddressError
from conversations.models import Delivery
from conversations.models.state import Triage
from conversations.triage.changing_channel import channels_offered, what_changes
from conversations.triage.correcting import corrected
from conversations.triage.deciding import NOTE
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

    `examples` are deliveries it is about. With `everything`, there may be more of them.
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
    """Asks for an address for each delivery, or for one domain for `everything`."""

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
        domains = {each.recipient.rpartition("@")[2] for each in self.examples}
        likely = (
            spellings(domains.pop(), Reached.by(self.user).addresses)
            if len(domains) == 1
            else []
        )
        self.fields["domain"] = forms.CharField(
            label="The right domain",
            max_length=253,
            initial=next(iter(likely), ""),
            validators=[one_line],
            help_text="What stands before the @ stays as it is.",
        )

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
        for delivery in self.examples:
            name = "domain" if self.everything else f"address-{delivery.uuid}"
            if name in self.errors or not self.cleaned_data.get(name):
                continue
            try:
                corrected(delivery, order)
            except AddressError as error:
                self.add_error(name, ValidationError(str(error)))
        if not self.everything and not self.errors and not self.options["addresses"]:
            raise ValidationError("Write at least one address to send to.")
        return self.cleaned_data

    @property
    def options(self) -> dict[str, Any]:
        written = {
            str(delivery.uuid): self.cleaned_data.get(f"address-{delivery.uuid}")
            for delivery in ([] if self.everything else self.examples)
        }
        return {
            "anyway": self.cleaned_data.get("anyway", False),
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
    owner = forms.ModelChoiceField(
        User.objects.none(),
        required=False,
        empty_label="as before",
        label="Looked after by",
    )
    note = forms.CharField(
        required=False, max_length=NOTE, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["owner"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = User.objects.filter(
            team=self.user.team_id, is_active=True
        ).order_by("name")
        self.order_fields(["decision", "owner", "note"])

    @property
    def options(self) -> dict[str, Any]:
        owner = self.cleaned_data["owner"]
        return {
            "decision": self.cleaned_data["decision"],
            "owner": owner.pk if owner else None,
            "note": self.cleaned_data["note"],
        }
