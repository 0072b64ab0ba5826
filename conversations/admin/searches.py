from __future__ import annotations

from django.contrib import admin

from conversations.models import SavedSearch, TabLayout
from deliveryportal.accounts.admin import AutocompleteSelectFilter, ReadOnlyAdmin


@admin.register(SavedSearch)
class SavedSearchAdmin(ReadOnlyAdmin[SavedSearch]):
    list_display = ["name", "owner", "team", "tab", "query", "shared"]
    list_filter = ["shared", ("team", AutocompleteSelectFilter)]
    list_select_related = ["owner", "team"]
    search_fields = ["name", "owner__email"]


@admin.register(TabLayout)
class TabLayoutAdmin(ReadOnlyAdmin[TabLayout]):
    """Removing one gives its user the usual columns again."""

    list_display = ["user", "tab", "columns", "rows"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
