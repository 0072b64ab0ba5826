from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from channels.models import Channel, ChannelChoice
from deliveryportal.accounts.admin import OperatorAdmin

if TYPE_CHECKING:
    _Form = forms.ModelForm[ChannelChoice]
else:
    _Form = forms.ModelForm


class ChannelChoiceForm(_Form):
    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        user, channel = cleaned.get("user"), cleaned.get("channel")
        if user and channel:
            usable = Channel.objects.usable_by(user)
            if not usable.filter(pk=channel.pk).exists():
                raise ValidationError(
                    {"channel": "This person may not use this channel."}
                )
        return cleaned


@admin.register(ChannelChoice)
class ChannelChoiceAdmin(OperatorAdmin[ChannelChoice]):
    form = ChannelChoiceForm
    list_display = ["user", "channel"]
    list_filter = ["channel__kind"]
    list_select_related = ["user", "channel"]
    search_fields = ["user__email", "user__name"]
    autocomplete_fields = ["user", "channel"]
