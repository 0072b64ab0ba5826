from __future__ import annotations

from django.urls import path

from channels.views.channel import channel
from channels.views.identities import identities, identity

app_name = "settings"
urlpatterns = [
    path("channel/", channel, name="channel"),
    path("identities/", identities, name="identities"),
    path("identities/<uuid:uuid>/", identity, name="identity"),
]
