from __future__ import annotations

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from deliveryportal.accounts.admin._base import OperatorAdmin
from deliveryportal.accounts.models import Team, User


@admin.register(Team)
class TeamAdmin(OperatorAdmin[Team]):
    list_display = ["name", "people", "created_at"]
    list_filter = ["created_at"]
    search_fields = ["name", "members__email"]
    readonly_fields = ["created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        # Of those on the page; to join them would group all teams there are.
        members = User.objects.filter(team=OuterRef("pk")).order_by().values("team")
        people = Subquery(members.annotate(number=Count("pk")).values("number"))
        return super().get_queryset(request).annotate(people=Coalesce(people, 0))

    @admin.display
    def people(self, team: Team) -> int:
        return getattr(team, "people", 0)
