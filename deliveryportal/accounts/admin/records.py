"""Rows the machine writes: to be read, never added, changed or deleted by hand."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from deliveryportal.accounts.admin._base import ReadOnlyAdmin
from deliveryportal.accounts.admin.keyset import KeysetChangeList, KeysetPaginator

M = TypeVar("M", bound=Model)


class MachineAdmin(ReadOnlyAdmin[M]):
    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class RecordAdmin(MachineAdmin[M]):
    """Of millions: never counted, paged by key, in the one order that has an index."""

    paginator = KeysetPaginator
    ordering = ["-pk"]
    sortable_by = ()
    show_facets = admin.ShowFacets.NEVER
    list_disable_select_all = True  # all that match may be millions

    def get_changelist(
        self, request: HttpRequest, **kwargs: Any
    ) -> type[KeysetChangeList]:
        return KeysetChangeList
