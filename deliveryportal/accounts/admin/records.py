"""Rows the machine writes: to be read, never added, changed or deleted by hand."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model
from django.http import HttpRequest

from deliveryportal.accounts.admin._base import ReadOnlyAdmin

M = TypeVar("M", bound=Model)


class RecordAdmin(ReadOnlyAdmin[M]):
    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False
