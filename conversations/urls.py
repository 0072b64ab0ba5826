from __future__ import annotations

from django.urls import path

from conversations.folders import FOLDERS
from conversations.views.compose import compose
from conversations.views.folder import folder
from conversations.views.message import message
from conversations.views.report import raw_report
from conversations.views.resend import resend

app_name = "conversations"
urlpatterns = [
    *[path(f"{key}/", folder, {"key": key}, name=key) for key in FOLDERS],
    path("new/", compose, name="compose"),
    path("messages/<uuid:uuid>/", message, name="message"),
    path("resend/<uuid:uuid>/", resend, name="resend"),
    path("reports/<uuid:uuid>.eml", raw_report, name="report"),
]
