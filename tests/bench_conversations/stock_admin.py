"""Django admin's own changelist over the same rows, as Django makes it: what our lists
are measured beside. A URLconf of all our pages and this one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.test import Client
from django.urls import path

from conversations.models import Delivery
from deliveryportal.accounts.models import User
from deliveryportal.urls import urlpatterns as ours

if TYPE_CHECKING:
    Changelist = ModelAdmin[Delivery]
else:
    Changelist = ModelAdmin

ROWS_OF_PAGE = 50


class StockChangelist(Changelist):
    """The same columns, order and search as our lists; all else is Django's default."""

    list_display = ["recipient", "subject", "sender", "state", "reason", "state_since"]
    list_select_related = ["message", "sender", "channel"]
    list_per_page = ROWS_OF_PAGE
    ordering = ["-state_since"]
    search_fields = ["recipient", "subject"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Delivery], search_term: str
    ) -> tuple[QuerySet[Delivery], bool]:
        """Said so that our indexes help it: none is on a team or a member alone."""
        found, twice = super().get_search_results(request, queryset, search_term)
        return found & Delivery.objects.in_lists(), twice


class LeanChangelist(StockChangelist):
    """Told not to count the whole table for each page."""

    show_full_result_count = False


def _site(name: str, changelist: type[StockChangelist]) -> AdminSite:
    site = AdminSite(name=name)
    site.register(Delivery, changelist)
    return site


urlpatterns = [
    *ours,
    path("stock/", _site("stock", StockChangelist).urls),
    path("lean/", _site("lean", LeanChangelist).urls),
]


class Admin:
    """An admin, signed in."""

    def __init__(self) -> None:
        user = User.objects.filter(is_superuser=True).first()
        user = user or User.objects.create_superuser("admin@bench.example", "x")
        self.client = Client(SERVER_NAME="127.0.0.1")
        self.client.force_login(user)

    def changelist(self, query: dict[str, Any], site: str = "stock") -> None:
        response = self.client.get(f"/{site}/conversations/delivery/", query)
        assert response.status_code == 200, query
        assert b"change-list" in response.content
