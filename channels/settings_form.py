"""A form of what a kind of channel asks for, made from its own declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django import forms

from channels.transports import Input, Setting, SettingsError, Transport

KEPT = "Leave it empty to use the one given before."
AGAIN = "Give it once more: it was not kept, because the settings could not be tested."

Widgets = dict[Input, Callable[[Setting], forms.Field]]
FIELDS: Widgets = {
    Input.TEXT: lambda setting: forms.CharField(max_length=255),
    Input.NUMBER: lambda setting: forms.IntegerField(
        widget=forms.NumberInput(attrs={"inputmode": "numeric"})
    ),
    Input.CHOICE: lambda setting: forms.ChoiceField(choices=setting.choices),
    Input.PASSWORD: lambda setting: forms.CharField(
        max_length=500,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    ),
    Input.BLOCK: lambda setting: forms.CharField(
        max_length=20_000, widget=forms.Textarea(attrs={"rows": 4})
    ),
}


class ChannelSettingsForm(forms.Form):
    """Asks for the transport's settings.

    `config` and `credentials` are those stored before, if any: a secret left empty
    keeps its stored value, unless a guarded setting changes. If an optional guarded one
    was emptied, the user name say, the secrets left empty are forgotten with it.
    """

    def __init__(
        self,
        transport: type[Transport],
        *args: Any,
        config: Mapping[str, str],
        credentials: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.transport = transport
        self.stored = config
        self.secrets = credentials
        for setting in transport.settings_asked:
            self.fields[setting.name] = self._field(setting)

    def _field(self, setting: Setting) -> forms.Field:
        field = FIELDS[setting.input](setting)
        stored = setting.secret and bool(self.secrets.get(setting.name))
        field.label = setting.label
        field.help_text = KEPT if stored else setting.help
        field.required = setting.required and not stored
        field.initial = (
            None if setting.secret else self.stored.get(setting.name, setting.initial)
        )
        return field

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors:
            self._check()
        if self.errors:
            for setting in self.transport.settings_asked:
                if setting.secret and cleaned.get(setting.name):
                    self[setting.name].help_text = AGAIN
        return cleaned

    def _check(self) -> None:
        try:
            self.transport.check_settings(self.config)
        except SettingsError as error:
            self.add_error(error.field or None, str(error))
            return
        if not self._guarded_change():
            return
        for setting in self._secrets_left_empty():
            if setting.required or not self._is_done_without():
                self.add_error(
                    setting.name,
                    "Give it again: it would be sent to another server or for "
                    "another user than it was stored for.",
                )

    def _is_done_without(self) -> bool:
        """Whether an optional setting that secrets belonged to has been emptied."""
        return any(
            setting.guarded
            and not setting.required
            and self.stored.get(setting.name)
            and not self.config[setting.name]
            for setting in self.transport.settings_asked
        )

    def _secrets_left_empty(self) -> list[Setting]:
        return [
            setting
            for setting in self.transport.settings_asked
            if setting.secret
            and self.secrets.get(setting.name)
            and not self.cleaned_data.get(setting.name)
        ]

    def _guarded_change(self) -> bool:
        return any(
            setting.guarded
            and self.config[setting.name] != self.stored.get(setting.name)
            for setting in self.transport.settings_asked
        )

    @property
    def config(self) -> dict[str, str]:
        return {
            setting.name: _text(self.cleaned_data.get(setting.name))
            for setting in self.transport.settings_asked
            if not setting.secret
        }

    @property
    def credentials(self) -> dict[str, str]:
        without = self._is_done_without()
        return {
            setting.name: self.cleaned_data.get(setting.name)
            or ("" if without else self.secrets.get(setting.name, ""))
            for setting in self.transport.settings_asked
            if setting.secret
        }


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()
