from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from deliveryportal.accounts.admin._base import OperatorAdmin
from deliveryportal.accounts.models import Team


@admin.register(Team)
class TeamAdmin(OperatorAdmin[Team]):
    list_display = ["name", "people", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name", "members__email"]
    readonly_fields = ["created_at"]
    date_hierarchy = "created_at"
    ordering = ["-pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        return super().get_queryset(request).annotate(people=Count("members"))

    @admin.display(ordering="people")
    def people(self, team: Team) -> int:
        return getattr(team, "people", 0)
