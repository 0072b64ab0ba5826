"""How people sign in: what they added to the password, and where they are signed in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from deliveryportal.accounts.admin._base import AutocompleteSelectFilter, ReadOnlyAdmin

admin.site.unregister([Authenticator, UserSession])


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin[Authenticator]):
    """To be deleted for who has lost their telephone; its secret is not shown."""

    fields = readonly_fields = ("user", "type", "created_at", "last_used_at")
    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type", ("user", AutocompleteSelectFilter)]
    list_select_related = ["user"]
    search_fields = ["user__email", "user__name"]


@admin.register(UserSession)
class UserSessionAdmin(ReadOnlyAdmin[UserSession]):
    """Deleting one signs that browser out."""

    fields = readonly_fields = ("user", "ip", "user_agent", "created_at")
    list_display = ["user", "ip", "user_agent", "created_at"]
    list_filter = [("user", AutocompleteSelectFilter)]
    list_select_related = ["user"]
    search_fields = ["user__email", "user__name", "ip"]

    def delete_model(self, request: HttpRequest, obj: UserSession) -> None:
        obj.end()

    def delete_queryset(
        self, request: HttpRequest, queryset: QuerySet[UserSession]
    ) -> None:
        for session in queryset:
            session.end()
