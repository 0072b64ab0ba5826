from __future__ import annotations

from django.urls import path

from deliveryportal.accounts.views import member
from deliveryportal.accounts.views.history import history
from deliveryportal.accounts.views.invitation import invitation
from deliveryportal.accounts.views.profile import profile
from deliveryportal.accounts.views.security import end_session, security
from deliveryportal.accounts.views.team import rename, revoke, team

app_name = "accounts"
urlpatterns = [
    path("settings/profile/", profile, name="profile"),
    path("settings/security/", security, name="security"),
    path("settings/security/sessions/<int:pk>/end/", end_session, name="end_session"),
    path("settings/team/", team, name="team"),
    path("settings/team/rename/", rename, name="rename"),
    path("settings/team/history/", history, name="history"),
    path("settings/team/members/<int:pk>/promote/", member.promote, name="promote"),
    path("settings/team/members/<int:pk>/demote/", member.demote, name="demote"),
    path(
        "settings/team/members/<int:pk>/deactivate/",
        member.deactivate,
        name="deactivate",
    ),
    path(
        "settings/team/members/<int:pk>/reactivate/",
        member.reactivate,
        name="reactivate",
    ),
    path("settings/team/invitations/<slug:digest>/revoke/", revoke, name="revoke"),
    path("accounts/invitations/<str:token>/", invitation, name="invitation"),
]
