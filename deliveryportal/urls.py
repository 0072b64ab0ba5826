from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from deliveryportal.health import healthz
from deliveryportal.home import home

urlpatterns = [
    path("", home, name="home"),
    path("conversations/", include("conversations.urls")),
    path("settings/", include("channels.urls")),
    path("", include("deliveryportal.accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("practice/", include("deliveryportal.practice.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
]
