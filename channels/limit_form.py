from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from channels.models import SendingLimit
from channels.transports import Pace, Transport

if TYPE_CHECKING:
    _Form = forms.ModelForm[SendingLimit]
else:
    _Form = forms.ModelForm


class LimitForm(_Form):
    """How fast a member of a team may send by one kind of channel."""

    class Meta:
        model = SendingLimit
        fields = ("messages", "seconds", "per_day")
        labels = {
            "messages": "Messages",
            "seconds": "Every … seconds",
            "per_day": "Messages a day",
        }
        help_texts = {
            "messages": "Empty: no limit.",
            "per_day": "Empty: none but the provider’s own.",
        }

    def __init__(
        self,
        kind: str,
        transport: type[Transport],
        stored: SendingLimit | None,
        data: Any = None,
    ) -> None:
        self.kind, self.transport, self.stored = kind, transport, stored
        pace = self.in_force
        super().__init__(
            data,
            # Several stand on one page.
            auto_id=f"id_{kind}_%s",
            initial={
                "messages": pace.messages,
                "seconds": pace.seconds,
                "per_day": pace.per_day,
            },
        )
        self.fields["seconds"].required = False

    @property
    def in_force(self) -> Pace:
        return self.stored.pace if self.stored else self.transport.traits.pace

    def clean_seconds(self) -> int:
        seconds: int | None = self.cleaned_data["seconds"]
        return Pace().seconds if seconds is None else seconds

    @property
    def pace(self) -> Pace:
        """What was filled in."""
        return Pace(**self.cleaned_data)
