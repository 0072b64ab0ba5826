from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path

from deliveryportal.health import healthz
from deliveryportal.home import home
from deliveryportal.metrics import metrics


def change_password(request: HttpRequest, **_: object) -> HttpResponse:
    return redirect("account_change_password")


# One way in, with its limits and checks: admins sign in where everybody does, and
# change their password there, which the audit log tells.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = change_password  # type: ignore[method-assign,assignment]

urlpatterns = [
    path("", home, name="home"),
    path("conversations/", include("conversations.urls")),
    path("settings/", include("channels.urls")),
    path("settings/", include("conversations.suppression_urls")),
    path("", include("deliveryportal.accounts.urls")),
    # Before allauth's own, two of which it replaces.
    path("accounts/", include("channels.oauth.urls")),
    path("accounts/", include("allauth.urls")),
    path("practice/", include("deliveryportal.practice.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("metrics", metrics, name="metrics"),
]
