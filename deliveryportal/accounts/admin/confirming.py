"""An action of the admin that asks before it is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.db.models import Model
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse

AT_MOST = 1_000  # rows of one action


def is_confirmed(request: HttpRequest) -> bool:
    return request.POST.get("confirmed") == "yes"


def ask(
    request: HttpRequest,
    admin: Any,
    rows: Iterable[tuple[Model, str]],
    *,
    title: str,
    says: str,
    form: forms.Form | None = None,
) -> TemplateResponse:
    """Show the rows, each with what is known of it, and a button that does it."""
    name = f"{admin.opts.app_label}_{admin.opts.model_name}_changelist"
    return TemplateResponse(
        request,
        "admin/confirm_action.html",
        {
            **admin.admin_site.each_context(request),
            "opts": admin.opts,
            "action": request.POST["action"],
            "title": title,
            "says": says,
            "rows": list(rows),
            "form": form,
            "back": reverse(f"admin:{name}"),
        },
    )
