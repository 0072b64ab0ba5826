from __future__ import annotations

from typing import Any

from django import forms
from django.forms.renderers import DjangoTemplates


class FieldInOrder(forms.BoundField):
    """After errors the page begins at the first of them, with or without JavaScript."""

    def build_widget_attrs(
        self, attrs: dict[str, Any], widget: forms.Widget | None = None
    ) -> dict[str, Any]:
        attrs = super().build_widget_attrs(attrs, widget)
        if self.form.errors:
            fields = self.form.visible_fields()
            wrong = next((each.name for each in fields if each.errors), None)
            attrs["autofocus"] = self.name == wrong
        return attrs


class FormRenderer(DjangoTemplates):
    bound_field_class = FieldInOrder
