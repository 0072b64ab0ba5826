from __future__ import annotations

from django.urls import path

from conversations.folders import FOLDERS
from conversations.views.act import act
from conversations.views.causes import causes
from conversations.views.compose import compose
from conversations.views.folder import folder
from conversations.views.job import job, stop
from conversations.views.message import message
from conversations.views.report import raw_report
from conversations.views.resend import resend

app_name = "conversations"
urlpatterns = [
    *[path(f"{key}/", folder, {"key": key}, name=key) for key in FOLDERS],
    path("failed/causes/", causes, name="causes"),
    path("act/<slug:key>/", act, name="act"),
    path("jobs/<uuid:uuid>/", job, name="job"),
    path("jobs/<uuid:uuid>/stop/", stop, name="stop"),
    path("new/", compose, name="compose"),
    path("messages/<uuid:uuid>/", message, name="message"),
    path("resend/<uuid:uuid>/", resend, name="resend"),
    path("reports/<uuid:uuid>.eml", raw_report, name="report"),
]
