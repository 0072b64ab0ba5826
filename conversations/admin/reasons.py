"""Why something did not arrive, in the words people read."""

from __future__ import annotations

from typing import TypeVar

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from conversations.bounces.reasons import REASONS
from conversations.models import Delivery, Evidence, Report, Suppression

M = TypeVar("M", bound=Model)


class ReasonFilter(admin.SimpleListFilter):
    title = "reason"
    parameter_name = "reason"

    def lookups(
        self, request: HttpRequest, model_admin: object
    ) -> list[tuple[str, str]]:
        return [(code, reason.title) for code, reason in REASONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> QuerySet[M]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


class ReasonColumn:
    @admin.display
    def why(self, row: Delivery | Report | Suppression | Evidence) -> str:
        reason = REASONS.get(row.reason)
        return reason.title if reason else row.reason
