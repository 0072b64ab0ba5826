from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from channels.views.channel import channel, choose, remove
from channels.views.connect import connect, keep, test
from channels.views.identities import identities, new_identity
from channels.views.identity import delete_identity, identity, make_default
from channels.views.limits import limits
from channels.views.verification import resend, verification

app_name = "settings"
urlpatterns = [
    path(
        "",
        RedirectView.as_view(
            pattern_name="settings:channel", http_method_names=["get", "head"]
        ),
    ),
    path("channel/", channel, name="channel"),
    path("channel/connect/<slug:kind>/", connect, name="connect"),
    path("channel/tests/<uuid:uuid>/", test, name="test"),
    path("channel/tests/<uuid:uuid>/save/", keep, name="keep"),
    path("channel/<uuid:uuid>/choose/", choose, name="choose"),
    path("channel/<uuid:uuid>/disconnect/", remove, name="disconnect"),
    path("team/limits/", limits, name="limits"),
    path("identities/", identities, name="identities"),
    path("identities/new/", new_identity, name="new_identity"),
    path("identities/verify/<str:token>/", verification, name="verification"),
    path("identities/<uuid:uuid>/", identity, name="identity"),
    path("identities/<uuid:uuid>/verify/", resend, name="resend"),
    path("identities/<uuid:uuid>/default/", make_default, name="make_default"),
    path("identities/<uuid:uuid>/delete/", delete_identity, name="delete_identity"),
]
