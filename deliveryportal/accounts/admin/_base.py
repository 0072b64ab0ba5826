"""What all pages of the operator's admin have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce, wraps
from operator import or_
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import SEARCH_VAR, ChangeList
from django.contrib.auth import get_permission_codename
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import DataError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter as ThemedSelectFilter
from unfold.paginator import InfinitePaginator

from deliveryportal.accounts.admin.keyset import KeysetChangeList
from deliveryportal.accounts.auditing import Area, Change, record_all
from deliveryportal.accounts.models import Team

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
    "MOST_LETTERS",
    "AnswerFilter",
    "AutocompleteSelectFilter",
    "OperatorAdmin",
    "ReadOnlyAdmin",
    "ThemedInline",
    "as_uuid",
    "notes_itself",
]

M = TypeVar("M", bound=Model)
F = TypeVar("F", bound=Callable[..., Any])

MOST_LETTERS = 200  # of a search: no database looks for any number of them


class OperatorAdmin(ModelAdmin[M]):
    """Whatever is done here stands in the audit log of the team it touches, too.

    Its list is never counted, paged by key, and in the one order that has an index.
    """

    change_list: type[ChangeList] = KeysetChangeList
    ordering = ["-pk"]
    sortable_by = ()
    show_facets = admin.ShowFacets.NEVER
    list_disable_select_all = True  # all that match may be millions
    list_per_page = 50
    # Filters with a field of their own (look up a team) take effect by a button.
    list_filter_submit = True
    view_on_site = False
    # Filters for which an index finds rows, however rare: how "parameter=value" begins
    # in the address. With any other the list is looked through: see keyset.
    served: tuple[str, ...] = ()

    def is_served(self, query: str, params: Mapping[str, Sequence[str]]) -> bool:
        narrowed = (f"{name}={to}" for name, given in params.items() for to in given)
        return any(each.startswith(self.served) for each in narrowed) or bool(
            self._ids and as_uuid(query)
        )

    @property
    def _ids(self) -> list[str]:
        """The columns that a search for an id is about."""
        fields = (str(each).removeprefix("=") for each in self.search_fields)
        return [each for each in fields if each.endswith("uuid")]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[M], search_term: str
    ) -> tuple[QuerySet[M], bool]:
        """Look for an id in columns of ids alone: with others no index would serve."""
        if len(search_term) > MOST_LETTERS:  # where a field looks it up
            return queryset.none(), False
        uuid = as_uuid(search_term)
        if uuid is None or not self._ids:
            found: tuple[QuerySet[M], bool] = super().get_search_results(
                request, queryset, search_term
            )
            return found
        same = (Q((column, uuid)) for column in self._ids)
        return queryset.filter(reduce(or_, same)), False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return self.change_list

    def get_paginator(
        self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any
    ) -> Paginator[Any]:
        """Count a row's history, which is short, and nothing that a field looks up."""
        kind = Paginator if queryset.model is LogEntry else InfinitePaginator
        return kind(queryset, *args, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Treat a number too large for its column like any other wrong value."""
        if len(request.GET.get(SEARCH_VAR, "")) > MOST_LETTERS:
            words = (
                f"Search for {MOST_LETTERS} letters at most. This is the whole list."
            )
            messages.error(request, words)
            raise IncorrectLookupParameters
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, DataError) as error:
            raise IncorrectLookupParameters(error) from error

    def log_addition(self, request: HttpRequest, obj: M, message: Any) -> LogEntry:
        entry: LogEntry = super().log_addition(request, obj, message)
        self._record(request, "Added", [obj])
        return entry

    def log_change(self, request: HttpRequest, obj: M, message: Any) -> LogEntry:
        entry: LogEntry = super().log_change(request, obj, message)
        self._record(request, "Changed", [obj], what=entry.get_change_message())
        return entry

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[M]) -> Any:
        entries = super().log_deletions(request, queryset)
        self._record(request, "Deleted", queryset)
        return entries

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        return {
            name: (func if _notes_itself(name, func) else _recorded(func), name, words)
            for name, (func, _, words) in actions.items()
        }

    def _record(
        self, request: HttpRequest, verb: str, objects: Iterable[M], **details: Any
    ) -> None:
        assert request.user.is_authenticated
        by = request.user
        record_all(
            Change(
                area=Area.ADMIN,
                action=f"{verb} the {self.opts.verbose_name}"[:100],
                subject=each,
                by=by,
                team_id=_team_of(each),
                details=details,
            )
            for each in objects
        )


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def notes_itself(func: F) -> F:
    """Mark an action that logs what it changes: it asks first, or leaves rows alone."""
    func.notes_itself = True  # type: ignore[attr-defined]
    return func


def _notes_itself(name: str, func: Callable[..., Any]) -> bool:
    # Deleting asks first too, and is recorded once it is done.
    return name == "delete_selected" or getattr(func, "notes_itself", False)


def _recorded(func: Callable[..., Any]) -> Callable[..., Any]:
    """Let an action of a list be logged for each row before it is done."""

    @wraps(func)
    def recorded(
        page: OperatorAdmin[M], request: HttpRequest, queryset: QuerySet[M]
    ) -> Any:
        words = getattr(func, "short_description", func.__name__)
        page._record(request, f"“{words}” for", queryset)
        return func(page, request, queryset)

    return recorded


def _team_of(row: Model) -> int | None:
    """Return the team whose managers may know: by the first of these that it has."""
    if isinstance(row, Team):
        return row.pk
    for name in (
        "team_id",
        "owner",
        "user",
        "sender",
        "actor",
        "delivery",
        "message",
        "channel",
    ):
        found = getattr(row, name, None)
        if found is not None:
            return found if isinstance(found, int) else _team_of(found)
    return None


class ReadOnlyAdmin(OperatorAdmin[M]):
    """Rows that nobody writes by hand; they may be deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """What actions ask for: Django's permission to change a row, which is of no
        other use here."""
        change = get_permission_codename("change", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{change}")


class AutocompleteSelectFilter(ThemedSelectFilter):
    """A field to look up a row in. What can be no row's key is refused before the field
    is drawn: that asks for it once more, where nobody minds what becomes of it."""

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        try:
            self.field.target_field.clean(self.value() or None, None)
        except ValidationError as error:
            raise IncorrectLookupParameters(error) from error
        return super().queryset(request, queryset)


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
