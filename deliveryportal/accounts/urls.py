from __future__ import annotations

from django.urls import path

from deliveryportal.accounts.views.history import history
from deliveryportal.accounts.views.invitation import invitation
from deliveryportal.accounts.views.profile import profile
from deliveryportal.accounts.views.team import revoke, team

app_name = "accounts"
urlpatterns = [
    path("settings/profile/", profile, name="profile"),
    path("settings/team/", team, name="team"),
    path("settings/team/history/", history, name="history"),
    path("settings/team/invitations/<slug:digest>/revoke/", revoke, name="revoke"),
    path("accounts/invitations/<str:token>/", invitation, name="invitation"),
]
