from __future__ import annotations

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from deliveryportal.health import healthz
from deliveryportal.home import home
from deliveryportal.metrics import metrics

# One way in, with its limits and checks: admins sign in where everybody does.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

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
