"""What all pages of the operator's admin have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin
    from django.contrib.admin import TabularInline as ThemedInline
else:
    # The stubs' classes are generic; the themed ones learn to be written so.
    import unfold.admin

    class _Subscriptable:
        def __class_getitem__(cls, models: object) -> type:
            return cls

    class ModelAdmin(_Subscriptable, unfold.admin.ModelAdmin):
        pass

    class ThemedInline(_Subscriptable, unfold.admin.TabularInline):
        pass


__all__ = [
    "AnswerFilter",
    "AutocompleteSelectFilter",
    "OperatorAdmin",
    "ReadOnlyAdmin",
    "ThemedInline",
]

M = TypeVar("M", bound=Model)


class OperatorAdmin(ModelAdmin[M]):
    # Counting all rows a second time, only to show their number, is for small tables.
    show_full_result_count = False
    list_per_page = 50
    # Filters with a field of their own (look up a team) take effect by a button.
    list_filter_submit = True
    view_on_site = False


class ReadOnlyAdmin(OperatorAdmin[M]):
    """Rows that nobody writes by hand; they may be deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


class AnswerFilter(admin.SimpleListFilter):
    """A filter whose choices are answers to a support question.

    `answers` maps the value in the address to the choice's label and to what
    makes the condition, called anew for each request because it may ask the time.
    """

    answers: ClassVar[dict[str, tuple[str, Callable[[], Q]]]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(value, label) for value, (label, _) in self.answers.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> QuerySet[M]:
        if self.value() not in self.answers:
            return queryset
        _, condition = self.answers[self.value() or ""]
        return queryset.filter(condition())
