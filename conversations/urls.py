from __future__ import annotations

from django.urls import path

from conversations.lists.folders import FOLDERS
from conversations.views import draft, drafts, export
from conversations.views.act import act
from conversations.views.alert import close_alert
from conversations.views.attachment import attachment
from conversations.views.body import body
from conversations.views.causes import causes
from conversations.views.compose import compose
from conversations.views.digest import switch_off as switch_digest_off
from conversations.views.folder import folder
from conversations.views.job import job, stop
from conversations.views.layout import keep as keep_layout
from conversations.views.message import message
from conversations.views.offers import offers
from conversations.views.overview import overview
from conversations.views.report import raw_report
from conversations.views.resend import resend
from conversations.views.rework import edit_and_send_again
from conversations.views.searches import remove as remove_search
from conversations.views.searches import save as save_search
from conversations.views.seen import seen
from conversations.views.taking_back import take_back, undo

app_name = "conversations"
urlpatterns = [
    *[path(f"{key}/", folder, {"key": key}, name=key) for key in FOLDERS],
    path("<slug:key>/columns/", keep_layout, name="layout"),
    path("<slug:key>/searches/", save_search, name="save_search"),
    path("searches/<int:pk>/remove/", remove_search, name="remove_search"),
    path("failed/causes/", causes, name="causes"),
    path("failed/offers/", offers, name="offers"),
    path("overview/", overview, name="overview"),
    path("digest/off/<str:token>/", switch_digest_off, name="digest-off"),
    # One of the acts, but what it does is a file: see EXPORT.
    path("act/export/", export.export, name="export"),
    path("export.csv", export.file, name="file"),
    path("act/<slug:key>/", act, name="act"),
    path("jobs/<uuid:uuid>/", job, name="job"),
    path("jobs/<uuid:uuid>/stop/", stop, name="stop"),
    path("new/", compose, name="compose"),
    path("new/seen/", seen, name="seen"),
    path("drafts/", drafts.drafts, name="drafts"),
    path("drafts/rows/", drafts.keep_rows, name="draft_rows"),
    path("drafts/delete/", drafts.delete_some, name="delete_drafts"),
    path("drafts/restore/<int:mark>/", drafts.restore, name="restore_drafts"),
    path("drafts/save/", draft.save, name="save_draft"),
    path("drafts/<uuid:uuid>/", draft.draft, name="draft"),
    path("drafts/<uuid:uuid>/delete/", draft.delete, name="delete_draft"),
    path("messages/<uuid:uuid>/", message, name="message"),
    path("messages/<uuid:uuid>/body/", body, name="body"),
    path("messages/<uuid:uuid>/take-back/", take_back, name="take_back"),
    path("deliveries/<uuid:uuid>/edit/", edit_and_send_again, name="rework"),
    path("undo/<uuid:submission>/", undo, name="undo"),
    path("attachments/<uuid:uuid>/", attachment, name="attachment"),
    path("resend/<uuid:uuid>/", resend, name="resend"),
    path("alerts/<uuid:uuid>/close/", close_alert, name="close-alert"),
    path("reports/<uuid:uuid>.eml", raw_report, name="report"),
]
